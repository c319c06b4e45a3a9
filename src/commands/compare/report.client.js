// The charts of a comparison's report, drawn in the browser that opens it. Data and uPlot stand in the same file.
const data = JSON.parse(document.getElementById('data').textContent);
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colour = (method) => css(`--c${data.methods.indexOf(method) % 8}`);
const percent = (x) => `${Number((100 * x).toPrecision(2))} %`;

/** A line a method, a bar from the smallest to the largest seed, and the base as a dashed line. */
function plateau(place, figure) {
  const xs = [...new Set(figure.series.flatMap((s) => s.points.map((p) => p.x)))].sort((a, b) => a - b);
  const at = (s, what) => xs.map((x) => s.points.find((p) => p.x === x)?.[what] ?? null);
  const ranges = (u) => {
    u.ctx.save();
    for (const [i, s] of figure.series.entries()) {
      u.ctx.strokeStyle = colour(s.method);
      u.ctx.lineWidth = 1.5 * devicePixelRatio;
      for (const p of s.points) {
        const x = u.valToPos(p.x, 'x', true);
        const edge = 4 * devicePixelRatio * (i % 2 ? 1 : 0.7);
        u.ctx.beginPath();
        u.ctx.moveTo(x, u.valToPos(p.min, 'y', true));
        u.ctx.lineTo(x, u.valToPos(p.max, 'y', true));
        for (const y of p.min === p.max ? [] : [p.min, p.max]) {
          u.ctx.moveTo(x - edge, u.valToPos(y, 'y', true));
          u.ctx.lineTo(x + edge, u.valToPos(y, 'y', true));
        }
        u.ctx.stroke();
      }
    }
    u.ctx.textAlign = 'left';
    u.ctx.textBaseline = 'alphabetic';
    u.ctx.setLineDash([5 * devicePixelRatio, 5 * devicePixelRatio]);
    const named = []; // where names stand already
    for (const line of figure.lines) {
      const y = u.valToPos(line.y, 'y', true);
      if (y < u.bbox.top || y > u.bbox.top + u.bbox.height) continue;
      u.ctx.strokeStyle = u.ctx.fillStyle = line.method ? colour(line.method) : css('--soft');
      u.ctx.beginPath();
      u.ctx.moveTo(u.bbox.left, y);
      u.ctx.lineTo(u.bbox.left + u.bbox.width, y);
      u.ctx.stroke();
      u.ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
      const beside = named.filter((other) => Math.abs(other.y - y) < 13 * devicePixelRatio).at(-1);
      const x = beside ? beside.end + 12 * devicePixelRatio : u.bbox.left + 6 * devicePixelRatio;
      u.ctx.fillText(line.name, x, y - 4 * devicePixelRatio);
      named.push({ y, end: x + u.ctx.measureText(line.name).width });
    }
    u.ctx.restore();
  };
  draw(place, figure, [xs, ...figure.series.map((s) => at(s, 'y'))], {
    x: { time: false, distr: 3, range: [xs[0] / 1.25, xs.at(-1) * 1.25] },
    xLabel: 'share of the targets that trains',
    splits: () => xs.filter((x, i) => i === 0 || x > xs[i - 1] * 1.3),
    values: (_, all) => all.map((x) => (x === null ? '' : percent(x))),
    points: true,
    hooks: { draw: [ranges] },
  });
}

/** Loss by step, a line a method. */
function curves(place, figure) {
  const xs = [...new Set(figure.series.flatMap((s) => s.points.map((p) => p.x)))].sort((a, b) => a - b);
  const lines = figure.series.map((s) => {
    const by = new Map(s.points.map((p) => [p.x, p.y]));
    return xs.map((x) => by.get(x) ?? null);
  });
  draw(place, figure, [xs, ...lines], { x: { time: false }, xLabel: 'step', points: false, hooks: {} });
}

/** Every grid line has its words, on logarithmic axes too. */
const everySplit = (_, splits) => splits;

/** 1, 2, 5, 10, ... within a range. */
function oneTwoFive([low, high]) {
  const all = [];
  for (let e = Math.floor(Math.log10(low)); 10 ** e <= high; e++) all.push(...[1, 2, 5].map((m) => m * 10 ** e));
  return all.filter((y) => y >= low && y <= high);
}

function draw(place, figure, columns, o) {
  const axis = { stroke: css('--soft'), grid: { stroke: css('--line'), width: 1 }, ticks: { stroke: css('--line'), width: 1 } };
  const font = '12px system-ui, sans-serif';
  const plot = new uPlot(
    {
      width: place.clientWidth,
      height: 290,
      legend: { show: false },
      cursor: { points: { size: 7 } },
      hooks: o.hooks,
      scales: { x: o.x, y: { range: figure.range, distr: figure.log ? 3 : 1 } },
      axes: [
        {
          ...axis,
          font,
          label: o.xLabel,
          labelFont: font,
          labelSize: 22,
          splits: o.splits,
          filter: everySplit,
          values: o.values,
        },
        {
          ...axis,
          font,
          size: 56,
          filter: everySplit,
          ...(figure.log && { splits: () => oneTwoFive(figure.range) }),
          values: (_, all) => all.map((y) => (figure.percent ? `${Math.round(100 * y)} %` : String(+y.toFixed(4)))),
        },
      ],
      series: [
        {},
        ...figure.series.map((s) => ({
          stroke: colour(s.method),
          width: 2,
          spanGaps: true,
          points: { show: o.points, size: 7, fill: colour(s.method) },
        })),
      ],
    },
    columns,
    place,
  );
  drawn.push(plot);
}

let drawn = [];
function drawAll() {
  for (const plot of drawn) plot.destroy();
  drawn = [];
  for (const place of document.querySelectorAll('[data-figure]')) {
    const figure = data.figures[place.dataset.figure];
    (figure.kind === 'plateau' ? plateau : curves)(place, figure);
  }
}
drawAll();
addEventListener('resize', drawAll);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
