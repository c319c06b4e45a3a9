import { describe, expect, test } from 'vitest';
import { parseBudget } from '../../src/methods/smt/budget.ts';
import { parseCommand } from '../../src/options/args.ts';
import { help } from '../../src/options/help.ts';
import { faultOf } from '../../src/options/rules.ts';
import { KEYS, keysOf, option, VERBS, type Verb, withDefaults } from '../../src/options/table.ts';

const parse = (line: string) => parseCommand(line.split(' ').filter(Boolean));
const options = (line: string) => {
  const parsed = parse(line);
  return parsed.kind === 'run' ? parsed.options : parsed;
};
const refusal = (line: string) => {
  const parsed = parse(line);
  return parsed.kind === 'usage' ? parsed.text : parsed;
};

describe('a command line', () => {
  test('of every kind of value', () => {
    expect(
      options(
        'train --model M --data a.jsonl b.csv --data c.txt --method smt --steps 20 --lr 2e-4 --betas 0.9,0.95 --targets v,q_proj --block 16 --budget=5%t --no-shuffle --json',
      ),
    ).toEqual({
      model: 'M',
      data: ['a.jsonl', 'b.csv', 'c.txt'],
      method: 'smt',
      steps: 20,
      lr: 2e-4,
      betas: [0.9, 0.95],
      targets: ['q', 'v'],
      block: 16,
      budget: '5%t',
      noShuffle: true,
      json: true,
    });
  });
  test('of values that begin with a dash, that hold =, or stand after another flag', () => {
    expect(options('generate --prompt=--chat --max-new-tokens=5 --seed 3')).toEqual({
      prompt: '--chat',
      maxNewTokens: 5,
      seed: 3,
    });
    expect(options('train --columns=prompt=q,completion=a --data=a --data b c --quiet')).toEqual({
      columns: 'prompt=q,completion=a',
      data: ['a', 'b', 'c'],
      quiet: true,
    });
    expect(refusal('generate --prompt= --chat')).toMatch(/--prompt to be a text, got ""/);
    expect(refusal('generate --temperature -1')).toMatch(/from 0, got "-1"/);
    expect(refusal('train -x')).toMatch(/begin with --, got "-x"/);
  });
  test.each((Object.keys(VERBS) as Verb[]).filter((verb) => !['inspect', 'demo'].includes(verb)))(
    '%s takes what loads a model, on which device, and the seed',
    (verb) => expect(keysOf(verb)).toEqual(expect.arrayContaining(['model', 'base', 'device', 'tune', 'seed'])),
  );
  test('a saved recipe stands beside flags of train', () => {
    expect(parse('train --steps 5 r.json --quiet')).toMatchObject({ options: { steps: 5, quiet: true }, files: ['r.json'] });
    expect(refusal('train a.json b.json')).toMatch(/at most one saved recipe, got a.json b.json/);
    expect(refusal('eval r.json')).toMatch(/begin with --, got "r.json"/);
  });
  test('parts of a bench', () => {
    expect(options('bench --part step,gemm')).toEqual({ part: ['step', 'gemm'] });
    expect(refusal('bench --part step,speed')).toMatch(
      /--part to be some of gemm kernel step memory load decode, got "step,speed"/,
    );
    expect(help('bench')).toMatch(/--part P,\.\.\. .*gemm, kernel, step, memory, load, decode \(default:/);
  });
  test.each([
    ['export --out O --format coreml', /--format to be one of hf gguf.*, got "coreml"/],
    ['merge --adapter A --out O --dtype q8_0', /--dtype f32, f16, bf16 for a Hugging Face folder, got q8_0; .*--format gguf/],
    ['export --out O --format gguf --dtype q3_k', /--dtype to be one of f32 f16 bf16 q8_0 .*, got "q3_k"/],
    ['train --method full --dtype q8_0', /--dtype to be one of f32 f16 bf16, got "q8_0"/],
    ['export --format gguf', /--out, got none/],
    ['export --out O --format peft', /--adapter beside --format peft, got none/],
    ['export --out O --adapter A --format peft --dtype f16', /no --dtype for the adapter alone.*, got f16; leave it out/],
    ['export --out O --adapter A --svd 8', /--svd with --format peft, got --format hf/],
    ['merge --out O --adapter A --format peft', /--format to be one of hf gguf.*, got "peft"/],
  ])('an export that there is not is wrong usage, with what there is: %s', (line, reason) => {
    expect(refusal(line)).toMatch(reason);
  });
  test('inspect takes files', () => {
    expect(parse('inspect a.gguf --json b')).toEqual({
      kind: 'run',
      verb: 'inspect',
      options: { json: true },
      files: ['a.gguf', 'b'],
    });
  });
  test.each([
    ['train --targets all', { targets: ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] }],
    ['train --targets mlp,q', { targets: ['q', 'gate', 'up', 'down'] }],
    ['train --block auto', { block: 'auto' }],
    ['train --lr-warmup 0', { lrWarmup: 0 }],
    ['train --budget attn=0.8%,mlp=0.2%', { budget: 'attn=0.8%,mlp=0.2%' }],
    ['train --budget 0%', { budget: '0%' }],
    ['generate --temperature 0 --prompt -1', { temperature: 0, prompt: '-1' }],
    ['train --columns prompt=q,completion=a', { columns: 'prompt=q,completion=a' }],
    ['train --adapter A --lora-lr 1e-3', { adapter: 'A', loraLr: 1e-3 }],
    ['train --adapter A --method smt+lora --lora-lr 1e-3', { adapter: 'A', method: 'smt+lora', loraLr: 1e-3 }],
    ['train --method full --dtype bf16', { method: 'full', dtype: 'bf16' }],
    ['plan --table --rank 8', { table: true, rank: 8 }],
    ['plan --cost --gpu rtx-4090', { cost: true, gpu: 'rtx-4090' }],
    ['plan --gpu 13.6,400', { gpu: '13.6,400' }],
  ])('%s', (line, expected) => {
    expect(options(line)).toEqual(expected);
  });

  // What ../shared/conformance/check.py types, so that none of it is refused.
  test.each([
    'eval --model M --data D --per-example --batch 1 --max-length 64 --tune off --json',
    'eval --model M --data D --per-example --adapter A --tune off --json',
    'generate --model M --data D --max-new-tokens 20 --temperature 0 --tune off --json',
    'train --model M --data D --out O --method full --epochs 2 --batch 4 --schedule constant --lr-warmup 0 --max-length 512 --lr 1e-3 --betas 0.9,0.999 --eps 1e-05 --clip 1.23 --weight-decay 0 --no-shuffle --tune off --json',
    'train --out O --method smt --steps 6 --block 16 --warmup-steps 3 --targets q,k,v,o,gate,up,down --budget 42b --spread matrix',
    'train --out O --method smt --steps 6 --selection F --targets q,k,v,o,gate,up,down --weight-decay 0.1',
    'train --out O --method smt --block 16 --warmup-steps 3 --warmup full --score absofmean --budget 24b',
    'train --out O --method lora --steps 6 --adapter A --lr 5e-3 --optimizer adamw',
    'train --out O --method smt --spread global --optimizer adamw --warmup full',
    'select --model M --data D --batch 4 --max-length 512 --block 16 --warmup-steps 3 --targets q,k --budget 24b --no-shuffle --select gradient --score absmean-of-sum --out F --scores S',
    'select --warmup-steps 3 --select magnitude --out F --scores S',
    'merge --model M --adapter A --out O --tune off --json',
    'merge --model M --adapter A --out O --format gguf --dtype q8_0 --json',
    'export --model M --out O --format gguf --dtype q4_0 --force',
  ])('%s', (line) => {
    expect(parse(line)).toMatchObject({ kind: 'run' });
  });
});

describe('wrong usage', () => {
  test.each([
    ['trian', /did you mean train\?/],
    ['frobnicate', /expected one of train select/],
    ['--json train', /the verb comes first/],
    ['eval --steps 5', /option of eval, got --steps, which belongs to train/],
    ['train --bacth 5', /did you mean --batch\?/],
    ['train --maxLength 5', /which there is not/],
    ['train --zzzzzzzz 5', /see its help/],
    ['train file.jsonl', /begin with --, got "file.jsonl"/],
    ['train --steps', /followed by a whole number from 1, got nothing/],
    ['train --lr --steps 5', /--lr to be followed by auto or a number above 0/],
    ['train --json=yes', /without a value/],
    ['train --steps 5 --steps 5', /once, got it twice/],
    ['train --steps 0', /a whole number from 1, got "0"/],
    ['train --steps 1.5', /got "1.5"/],
    ['train --steps 0x10', /got "0x10"/],
    ['train --max-length 1', /from 2/],
    ['train --lr 0', /auto or a number above 0/],
    ['train --lr atuo', /auto or a number above 0/],
    ['train --method full --lr auto', /--lr to be a number with --method full/],
    ['train --method topk-layers --lr auto', /--lr to be a number with --method topk-layers/],
    ['train --warmup full --lr auto', /--lr to be a number with --warmup full/],
    ['train --lr NaN', /got "NaN"/],
    ['train --lr Infinity', /got "Infinity"/],
    ['train --betas 0.9', /two numbers/],
    ['train --betas 0.9,1', /two numbers/],
    ['train --dropout 1 --method lora', /from 0 below 1/],
    ['generate --top-p 0', /above 0 to 1/],
    ['train --block 0', /auto or a whole number/],
    ['train --targets q,x', /some of q k v/],
    ['train --method sft', /one of smt full lora dora/],
    ['train --budget 5', /a budget such as/],
    ['train --budget attn=5%,attn=5%', /a budget such as/],
    ['train --steps 5 --epochs 1', /--steps or --epochs, got both/],
    ['train --selection F --warmup-steps 5', /--selection or --warmup-steps/],
    ['train --selection F --budget 5%', /--selection or --budget/],
    ['train --method full --budget 5%', /--budget with --method smt or smt\+lora, got --method full/],
    ['train --method full --targets q', /--targets with --method smt, lora, dora or smt\+lora/],
    ['train --rank 8', /--rank with --method lora or dora, got --method smt/],
    ['train --adapter A --method lora --rank 8', /--adapter or --rank/],
    ['train --adapter A --targets q', /--adapter or --targets/],
    ['train --adapter A --budget 3b', /--adapter or --budget/],
    ['train --adapter A --selection S', /--adapter or --selection/],
    ['train --adapter A --method full', /--adapter with --method smt, lora, dora or smt\+lora, got --method full/],
    ['train --method full --optimizer muon', /--optimizer adamw with --method full, .*got muon/],
    ['train --method topk-layers --optimizer muon', /--optimizer adamw with --method topk-layers/],
    ['train --warmup full --optimizer muon', /--optimizer adamw with --warmup full/],
    ['train --preset smt-paper --optimizer muon', /--optimizer adamw with --warmup full/],
    ['train --optimizer sgd', /one of adamw muon/],
    ['train --method lora --optimizer muon --muon-scale strip', /--muon-scale with --optimizer muon and blocks/],
    ['train --optimizer adamw --muon-scale block', /--muon-scale with --optimizer muon/],
    ['train --decay-toward base', /expected --weight-decay beside --decay-toward base/],
    ['train --decay-toward base --weight-decay 0', /expected --weight-decay beside --decay-toward base/],
    ['train --method lora --weight-decay 1 --decay-toward base', /--decay-toward base with blocks .*got --method lora/],
    ['train --warmup full --weight-decay 1 --decay-toward base', /--decay-toward base with blocks .*got --warmup full/],
    ['train --decay-toward start', /one of zero base/],
    ['train --kappa -1', /--kappa to be a number from 0, got "-1"/],
    ['train --kappa 0.3 --spread global', /--kappa with --spread fair or apart, got --spread global/],
    ['select --kappa 0.3 --preset smft', /--kappa with --spread fair or apart, got --spread global/],
    ['train --selection F --kappa 1', /--selection or --kappa/],
    ['train --method lora --kappa 1', /--kappa with --method smt or smt\+lora, got --method lora/],
    ['train --method smt+lora --share 0', /--share to be a number above 0 below 1, got "0"/],
    ['train --method smt+lora --share 1', /--share to be a number above 0 below 1, got "1"/],
    ['train --share 0.5', /--share with --method smt\+lora, got --method smt; leave it out/],
    ['train --lora-lr 1e-3', /--lora-lr with --method smt\+lora, got --method smt; leave it out/],
    ['train --adapter A --method lora --lora-lr 1e-3', /--lora-lr with --method smt\+lora, got --method lora; leave it out/],
    ['train --method smt+lora --lora-lr 0', /--lora-lr to be a number above 0, got "0"/],
    ['train --method smt+lora --rank 8', /--rank with --method lora or dora, got --method smt\+lora/],
    ['train --method smt+lora --warmup full', /--warmup with --method smt, got --method smt\+lora/],
    ['train --adapter A --share 0.5', /--adapter or --share/],
    ['train --dtype f16', /writes an adapter/],
    ['select --score l2 --select magnitude', /scores by itself/],
    ['train --patience 2', /--eval beside --patience/],
    ['train --resume', /--out beside --resume/],
    ['train --resume --force --out O', /--resume or --force/],
    ['generate --prompt a --data D', /--prompt or --data/],
    ['merge --adapter A', /--out, got none/],
    ['inspect', /files or folders to inspect/],
    ['inspect --model M', /which belongs to train/],
    ['plan --table --method full', /--table or --method/],
    ['plan --table --cost', /--table or --cost, got both; leave one out/],
    ['plan --gpu 13.6', /TFLOP\/s and GB\/s such as 13.6,400, or one of .*M2 Max.*, got "13.6"/],
    ['plan --gpu 0,400', /or one of .*RTX 4090.*, got "0,400"/],
    ['plan --gpu RTX', /got "RTX"/],
  ])('%s', (line, reason) => {
    expect(refusal(line)).toMatch(reason);
  });
});

describe('the table', () => {
  test.each(KEYS)('%s: its words are there', (key) => {
    expect(option(key).help.length).toBeGreaterThan(5);
  });
  test.each(KEYS.filter((key) => option(key).default !== undefined))('%s: its default is sound', (key) => {
    expect(faultOf(key, option(key).default)).toBeUndefined();
  });
  test.each(KEYS.filter((key) => option(key).kind === 'choice'))('%s: there is something to choose', (key) => {
    expect(option(key).choices!.length).toBeGreaterThan(0);
  });
  test('defaults of CLI.md', () => {
    expect(withDefaults({})).toMatchObject({
      method: 'smt',
      batch: 4,
      accumulate: 1,
      maxLength: 512,
      learn: 'response',
      schedule: 'linear',
      lrWarmup: 0.03,
      betas: [0.9, 0.95],
      eps: 1e-8,
      weightDecay: 0,
      clip: 1,
      budget: '0.84%',
      block: 'auto',
      targets: ['q', 'k', 'v'],
      score: 'absmean',
      select: 'gradient',
      spread: 'fair',
      kappa: 1,
      warmup: 'frozen',
      warmupSteps: 100,
      rank: 16,
      alpha: 32,
      dropout: 0,
      base: 'keep',
      maxSkips: 10,
      keep: 2,
      maxNewTokens: 128,
      temperature: 0,
      topP: 1,
      format: 'hf',
      device: 'auto',
      tune: 'on',
    });
  });
  test.each([
    ['smt', undefined, [0.9, 0.95]],
    ['full', 1e-5, [0.9, 0.999]],
    ['lora', undefined, [0.9, 0.999]],
    ['dora', undefined, [0.9, 0.999]],
  ] as const)('%s: lr %s (none: found by the run), betas %o', (method, lr, betas) => {
    expect(withDefaults({ method })).toMatchObject({ ...(lr && { lr }), betas });
    expect(withDefaults({ method }).lr).toBe(lr);
    expect(withDefaults({ method, lr: 3, betas: [0, 0] })).toMatchObject({ lr: 3, betas: [0, 0] });
  });
});

describe('a budget', () => {
  test.each([
    ['0.84%', { all: { kind: 'model', share: 0.0084 } }],
    ['5%t', { all: { kind: 'targets', share: 0.05 } }],
    ['863b', { all: { kind: 'blocks', count: 863 } }],
    ['100%', { all: { kind: 'model', share: 1 } }],
    ['attn=0.8%,mlp=0.2%', { attn: { kind: 'model', share: 0.008 }, mlp: { kind: 'model', share: 0.002 } }],
    ['5B', { all: { kind: 'blocks', count: 5 } }],
    ['mlp=3b', { mlp: { kind: 'blocks', count: 3 } }],
  ])('%s', (text, expected) => {
    expect(parseBudget(text)).toEqual(expected);
  });
  test.each([
    ['0%', /above zero, got 0%/],
    ['0b', /above zero/],
    ['-1%', /above zero, got -1%/],
    ['100.1%', /at most 100 percent/],
    ['101%t', /at most 100 percent/],
    ['1.5b', /whole blocks/],
    ['attn=1%,mlp=0%', /above zero, got 0%/],
    ['5', /expected a budget, got "5"/],
    ['%', /expected a budget/],
    ['attn=1%,2%', /expected a budget/],
  ])('%s is refused', (text, reason) => {
    expect(() => parseBudget(text)).toThrow(reason);
  });
});
