// What this is, in as few words as are honest.

import { count, grouped } from '../format.ts';
import type { Subject } from '../protocol.ts';

export function Hero({ subject }: { subject: Subject | null }) {
  return (
    <section class="hero">
      <h1>Fine-tune a language model, here, on your own GPU.</h1>
      <p class="lead">
        Sparse Matrix Tuning lets the model read some of your data while its weights stand still, and scores every block of every
        weight matrix by the gradient that reaches it. Then only the best blocks train; everything else stays as it was, so
        training takes little memory and the result is a small file.
      </p>
      <p class="task">
        {subject
          ? `The built-in model has ${count(subject.parameters)} parameters and speaks simple English, but it cannot turn a statement into a question. One press teaches it to, from ${grouped(subject.rows)} examples.`
          : 'The built-in model speaks simple English, but it cannot turn a statement into a question. One press teaches it to.'}
      </p>
    </section>
  );
}
