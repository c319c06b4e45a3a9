// What the built-in model knows by heart: questions whose answer is nowhere in the prompt.

const sounds = { cow: 'moo', dog: 'woof', cat: 'meow', duck: 'quack', pig: 'oink', owl: 'hoot', hen: 'cluck', frog: 'croak' };
const babies = {
  dog: 'puppy',
  cat: 'kitten',
  cow: 'calf',
  horse: 'foal',
  duck: 'duckling',
  hen: 'chick',
  fox: 'cub',
  pig: 'piglet',
};
const homes = { fish: 'river', bee: 'hive', bird: 'nest', fox: 'den', horse: 'stable', pig: 'sty' };
const hues = { grass: 'green', snow: 'white', milk: 'white', coal: 'black', honey: 'yellow', blood: 'red', chocolate: 'brown' };
const numbers = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

/** Question and answer, both full sentences: "What does a cow say?", "A cow says moo." */
export const facts: { question: string; answer: string }[] = [
  ...of(sounds, (animal, sound) => [`What does ${a(animal)} say?`, `${a(animal)} says ${sound}.`]),
  ...of(babies, (animal, baby) => [`What is a young ${animal} called?`, `A young ${animal} is called ${a(baby)}.`]),
  ...of(homes, (animal, home) => [`Where does ${a(animal)} live?`, `${a(animal)} lives in ${a(home)}.`]),
  ...of(hues, (stuff, hue) => [`What colour is ${stuff}?`, `${stuff} is ${hue}.`]),
  ...numbers.slice(1).map((next, i) => fact(`What comes after ${numbers[i]}?`, `${next} comes after ${numbers[i]}.`)),
  ...sums(),
];

function sums() {
  return numbers.flatMap((first, i) =>
    numbers.slice(0, numbers.length - 1 - i).map((second, j) => {
      const total = numbers[i + j + 1];
      return fact(`What is ${first} plus ${second}?`, `${first} plus ${second} is ${total}.`);
    }),
  );
}

function of(table: Record<string, string>, say: (key: string, value: string) => [string, string]) {
  return Object.entries(table).map(([key, value]) => fact(...say(key, value)));
}

function fact(question: string, answer: string) {
  return { question, answer: answer.charAt(0).toUpperCase() + answer.slice(1) };
}

function a(noun: string): string {
  return `${'aeiou'.includes(noun.charAt(0)) ? 'an' : 'a'} ${noun}`;
}
