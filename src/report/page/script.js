// The page is whole without this: it sorts tables, and shows charts by other series, ranges and scales.
'use strict';
(() => {
  const make = (name, text, attributes = {}) => {
    const node = document.createElement(name);
    node.textContent = text;
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  };
  const button = (text, act, attributes) => {
    const node = make('button', text, { type: 'button', ...attributes });
    node.addEventListener('click', () => act(node));
    return node;
  };

  // Light and dark.
  const dress = document.getElementById('dress');
  if (dress) {
    const root = document.documentElement;
    const dark = () => root.dataset.theme
      ? root.dataset.theme === 'dark'
      : matchMedia('(prefers-color-scheme: dark)').matches;
    const tell = node => node.setAttribute('aria-pressed', String(dark()));
    const toggle = button('Dark', node => { root.dataset.theme = dark() ? 'light' : 'dark'; tell(node); });
    tell(toggle);
    dress.append(toggle, button('Print', () => print()));
  }

  // Commands to copy.
  for (const pre of document.querySelectorAll('pre.command')) {
    const copy = button('Copy', async node => {
      getSelection().selectAllChildren(pre);
      try { await navigator.clipboard.writeText(pre.textContent); node.textContent = 'Copied'; } catch { node.textContent = 'Selected'; }
    });
    pre.after(copy);
  }

  // Tables: the first number of a cell with its unit, or else its text.
  const UNITS = {
    ns: 1, 'µs': 1e3, ms: 1e6, s: 1e9, min: 6e10, h: 3.6e12, B: 1, KiB: 1024, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40,
    k: 1e3, M: 1e6, G: 1e9,
  };
  const quantity = text => {
    const found = /^[<>~]?\s*(-?[\d,]*\.?\d+(?:e[+-]?\d+)?)\s*(ns|µs|ms|min|s|h|[KMGT]iB|B|[kMG])?(?![a-zµ])/i.exec(text);
    return found ? Number(found[1].replaceAll(',', '')) * (UNITS[found[2]] || 1) : null;
  };
  const value = row => at => {
    const cell = row.cells[at].cloneNode(true);
    cell.querySelectorAll('.tag,.interval,.mark').forEach(node => node.remove());
    const text = cell.textContent.trim();
    return [text, quantity(text)];
  };
  const compare = ([a, x], [b, y]) => {
    if (x !== null && y !== null) return x - y;
    if (x !== null || y !== null) return x !== null ? -1 : 1;
    return a < b ? -1 : a > b ? 1 : 0;
  };
  for (const table of document.querySelectorAll('table')) {
    const heads = [...table.tHead.rows[0].cells];
    if ([...table.tBodies].every(body => body.rows.length < 3)) continue;
    const whole = [...table.querySelectorAll('tbody tr')].filter(row => row.cells.length === heads.length);
    const beyond = Math.max(0, whole.findIndex(row => row.classList.contains('beyond')));
    heads.forEach((head, at) => {
      const sort = () => {
        const down = head.getAttribute('aria-sort') === 'ascending';
        heads.forEach(other => other.removeAttribute('aria-sort'));
        head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
        for (const body of table.tBodies) {
          const rows = [...body.rows].filter(row => row.cells.length === heads.length);
          const keyed = rows.map(row => [value(row)(at), row]);
          keyed.sort(([a], [b]) => {
            // What was not measured stays at the end.
            const order = compare(a, b);
            return down && a[1] !== null && b[1] !== null ? -order : down && a[1] === null && b[1] === null ? -order : order;
          });
          body.append(...keyed.map(([, row]) => row));
        }
        // Paper has the first rows of this order.
        if (beyond) {
          let before = 0;
          for (const row of table.querySelectorAll('tbody tr')) {
            row.classList.toggle('beyond', before >= beyond);
            if (row.cells.length === heads.length) before++;
          }
        }
      };
      const text = head.textContent;
      head.textContent = '';
      head.append(button(text, sort));
    });
  }

  // A cell of a file as the page's own tables show it. Files write \u{…} for characters that would steer a terminal: a backslash and
  // a line break become themselves again, a tab a space, all others '?'. The ' before what a spreadsheet would take for a formula goes.
  const SHOWN = { '5c': '\\', 9: ' ', a: '\n' };
  const shown = cell => cell.replace(/^'(?='*[=+\-@＝＋－＠])/, '').replace(/\\u\{([0-9a-f]+)\}/g, (_, code) => SHOWN[code] ?? '?');
  // The data: the files that the links hold.
  const parse = text => {
    const rows = [];
    let row = [], cell = '', quoted = false;
    for (let i = 0; i < text.length; i++) {
      const c = text[i];
      if (quoted) {
        if (c !== '"') cell += c;
        else if (text[i + 1] === '"') { cell += '"'; i++; } else quoted = false;
      } else if (c === '"') quoted = true;
      else if (c === ',') { row.push(cell); cell = ''; } else if (c === '\n') { row.push(cell); rows.push(row); row = []; cell = ''; } else cell += c;
    }
    const [head, ...others] = rows;
    return others.map(cells => Object.fromEntries(cells.map((text, at) => [head[at], shown(text)])));
  };
  const files = new Map();
  const file = name => {
    if (!files.has(name)) {
      const link = [...document.querySelectorAll('a[data-file]')].find(node => node.dataset.file === name);
      const href = link ? link.getAttribute('href') : ',';
      files.set(name, parse(decodeURIComponent(href.slice(href.indexOf(',') + 1))));
    }
    return files.get(name);
  };

  const three = n => {
    const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(n))));
    return n === 0 ? '0' : digits > 20 ? n.toExponential(2) : String(Number(n.toFixed(digits)));
  };
  const time = ns => {
    const [unit, size] = [['s', 1e9], ['ms', 1e6], ['µs', 1e3], ['ns', 1]].find(([, size]) => Math.abs(ns) >= size) || ['ns', 1];
    return `${three(ns / size)} ${unit}`;
  };
  const percent = q => `${Number((q * 100).toFixed(q < .9 ? 1 : q < .99 ? 2 : q < .999 ? 3 : 5))} %`;

  // What is across and up, of the charts that can be drawn again.
  const kinds = prefix => {
    let placed = null;
    const seconds = () => {
      if (placed) return placed;
      let at = -1, before = null;
      placed = file(`${prefix}timeline.csv`).map(row => {
        const key = `${row.trial} ${row.case}`;
        if (before !== null && key !== before) at++;
        before = key;
        return [++at, row];
      });
      return placed;
    };
    const quantiles = () => file(`${prefix}percentiles.csv`);
    const metricOf = id => quantiles().some(row => row.case === id && row.metric === 'freshness') ? 'freshness' : 'response';
    return {
    'freshness-percentiles': {
      points: ({ id }) => {
        const metric = metricOf(id);
        return quantiles()
          .filter(row => row.case === id && row.metric === metric && Number(row.quantile) < 1)
          .map(row => [-Math.log10(1 - Number(row.quantile)), Number(row.value_ns)])
          .filter(([, ns]) => ns > 0);
      },
      x: at => percent(1 - 10 ** -at),
      ticks: () => [0, .5, .9, .99, .999, .9999, .99999].map(q => [-Math.log10(1 - q), percent(q)]),
    },
    // A place for each row of the file, and one between trials.
    timeline: {
      points: ({ id, key }) => {
        const [trial, quantile] = key.split(' ');
        return seconds().filter(([, row]) => row.case === id && row.trial === trial)
          .map(([x, row]) => [x + .5, Number(row[`freshness_ns_${quantile}`] || 'x')]).filter(([, ns]) => ns > 0);
      },
      x: at => {
        const found = seconds().find(([x]) => x <= at && at < x + 1);
        return found ? `${found[1].case} trial ${found[1].trial}, second ${found[1].second}` : 'between trials';
      },
      ticks: null,
      within: .6,
    },
    };
  };

  const SVG = 'http://www.w3.org/2000/svg';
  const shape = (name, attributes) => {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  };
  const numbers = text => text.split(' ').map(Number);
  let charts = 0;

  class Panel {
    constructor(node, kind) {
      this.kind = kind;
      this.node = node;
      [this.left, this.top, this.right, this.bottom] = numbers(node.dataset.box);
      this.whole = numbers(node.dataset.x);
      [this.range0, this.range1] = this.whole;
      this.wholeUp = numbers(node.dataset.y);
      this.log = true;
      this.series = [];
      this.levels = [];
      for (let next = node.nextElementSibling; next && !next.classList.contains('panel'); next = next.nextElementSibling) {
        if (next.classList.contains('level')) this.levels.push(next);
        if (next.classList.contains('series')) this.series.push({ node: next, points: null, name: next.dataset.series, id: next.dataset.case, key: next.dataset.key });
      }
      this.reset();
    }
    reset() { this.range = [...this.whole]; this.up = null; }
    load() { for (const one of this.series) one.points ??= this.kind.points(one); }
    shown() { return this.series.filter(one => !one.node.classList.contains('off')); }
    place(x, y) {
      const [x0, x1] = this.range, [y0, y1] = this.scale();
      const up = this.log ? Math.log10(y) : y;
      return [this.left + (this.right - this.left) * (x - x0) / (x1 - x0), this.bottom - (this.bottom - this.top) * (up - y0) / (y1 - y0)];
    }
    scale() {
      if (this.log && !this.zoomed()) return this.wholeUp;
      const inside = this.shown().flatMap(one => one.points).filter(([x]) => x >= this.range[0] - 1e-9 && x <= this.range[1] + 1e-9).map(([, y]) => y);
      if (!inside.length) return this.log ? this.wholeUp : [0, 10 ** this.wholeUp[1]];
      const high = Math.max(...inside), low = Math.min(...inside);
      return this.log ? [Math.log10(low) - .05, Math.log10(high) + .05] : [0, high * 1.05];
    }
    zoomed() { return this.range[0] > this.whole[0] + 1e-9 || this.range[1] < this.whole[1] - 1e-9; }
    zoom(factor, around) {
      const [a, b] = this.range, [low, high] = this.whole;
      const middle = around ?? (a + b) / 2, width = Math.min(high - low, Math.max((b - a) * factor, (high - low) / 50));
      const from = Math.min(Math.max(low, middle - width / 2), high - width);
      this.range = [from, from + width];
    }
    upTicks() {
      const [low, high] = this.scale(), ticks = [];
      if (this.log) {
        const few = high - low < 2.3;
        for (let power = Math.floor(low); power <= Math.ceil(high); power++) {
          for (const step of few ? [1, 2, 5] : [1]) {
            const at = power + Math.log10(step);
            if (at >= low && at <= high) ticks.push([10 ** at, time(step * 10 ** power)]);
          }
        }
      } else {
        const rough = high / 5, power = 10 ** Math.floor(Math.log10(rough));
        const step = [1, 2, 5, 10].map(m => m * power).find(s => s >= rough);
        for (let at = 0; at <= high; at += step) ticks.push([at, at ? time(at) : '0']);
      }
      return ticks;
    }
    draw() {
      this.load();
      if (!this.own) {
        this.own = shape('g', { class: 'again' });
        this.clip = shape('clipPath', { id: `clip-${++charts}` });
        this.clip.append(shape('rect', { x: this.left, y: this.top, width: this.right - this.left, height: this.bottom - this.top }));
        this.node.after(this.clip, this.own);
        this.node.querySelectorAll('text').forEach(text => {
          const x = Number(text.getAttribute('x')), y = Number(text.getAttribute('y'));
          // Ticks are drawn again; titles and the heading stay.
          if (text.getAttribute('font-size') === '14' && !text.hasAttribute('transform') && (x < this.left || (y > this.bottom && y < this.bottom + 24))) text.classList.add('off');
        });
        // A grid line that goes up is at a tick's place; its label is the text below it.
        this.across = [...this.node.querySelectorAll('text[text-anchor="middle"]')].filter(text => text.classList.contains('off'))
          .map(text => [this.range0 + (this.range1 - this.range0) * (Number(text.getAttribute('x')) - this.left) / (this.right - this.left), text.textContent]);
        this.node.querySelectorAll('path.c-grid').forEach(path => path.classList.add('off'));
      }
      this.own.replaceChildren();
      const title = this.node.querySelector('text[transform]');
      if (title) {
        title.removeAttribute('textLength');
        title.textContent = title.textContent.replace(/\((log|linear) scale\)/, this.log ? '(log scale)' : '(linear scale)');
        const x = this.left - 68, y = (this.top + this.bottom) / 2;
        title.setAttribute('x', x);
        title.setAttribute('transform', `rotate(-90 ${x} ${y})`);
      }
      for (const [y, label] of this.upTicks()) {
        const at = this.place(this.range[0], y)[1];
        this.line(`M${this.left} ${at}L${this.right} ${at}`);
        this.label(this.left - 7, at + 5, label, 'end');
      }
      for (const [x, label] of this.kind.ticks ? this.kind.ticks() : this.across) {
        if (x < this.range[0] - 1e-9 || x > this.range[1] + 1e-9) continue;
        const at = this.place(x, 1)[0];
        this.line(`M${at} ${this.top}L${at} ${this.bottom}`);
        this.label(at, this.bottom + 18, label, 'middle');
      }
      for (const one of this.series) this.redraw(one);
      for (const level of this.levels) {
        const at = this.place(this.range[0], Number(level.dataset.ns))[1];
        level.classList.toggle('off', at < this.top || at > this.bottom);
        level.querySelector('path').setAttribute('d', `M${this.left} ${at}L${this.right} ${at}`);
        level.querySelector('text').setAttribute('y', at + (this.bottom - at > 28 ? 15 : -5));
      }
    }
    line(d) { this.own.append(shape('path', { d, class: 'c-grid', stroke: 'currentColor', fill: 'none' })); }
    label(x, y, text, anchor) {
      const node = shape('text', { x, y, 'font-size': 14, 'text-anchor': anchor, class: 'c-ink', fill: 'currentColor' });
      node.textContent = text;
      this.own.append(node);
    }
    redraw(one) {
      const path = one.node.querySelector('path[stroke-width]');
      if (!path || !one.points.length) return;
      one.node.setAttribute('clip-path', `url(#${this.clip.id})`);
      one.marks ??= [...one.node.children].filter(child => child !== path).map(mark => {
        const box = mark.getBBox(), x = box.x + box.width / 2, y = box.y + box.height / 2;
        const up = this.wholeUp[0] + (this.wholeUp[1] - this.wholeUp[0]) * (this.bottom - y) / (this.bottom - this.top);
        return { mark, x, y, value: [this.range0 + (this.range1 - this.range0) * (x - this.left) / (this.right - this.left), 10 ** up] };
      });
      for (const { mark, x, y, value } of one.marks) {
        const [toX, toY] = this.place(...value);
        mark.setAttribute('transform', `translate(${(toX - x).toFixed(2)} ${(toY - y).toFixed(2)})`);
      }
      const last = this.whole[1] + 1e-9;
      path.setAttribute('d', one.points.filter(([x]) => x <= last).map(([x, y], at) => `${at ? 'L' : 'M'}${this.place(x, y).map(n => n.toFixed(2)).join(' ')}`).join(''));
    }
    nearest(x) {
      return this.shown().filter(one => one.points.length).map(one => {
        const near = one.points.reduce((best, point) => !best || Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best, null);
        if (this.kind.within && Math.abs(near[0] - x) > this.kind.within) return null;
        return near && [`${one.name}${one.key ? ` trial ${one.key}` : ''}`, near];
      }).filter(Boolean);
    }
  }

  for (const figure of document.querySelectorAll('figure[data-chart]')) {
    const svg = figure.querySelector('svg'), area = figure.querySelector('.chart');
    const names = [...new Set([...svg.querySelectorAll('.series')].map(node => node.dataset.series))];
    if (names.length < 1) continue;
    const tools = make('div', '', { class: 'tools', role: 'group', 'aria-label': 'Chart controls' });
    figure.insertBefore(tools, area);
    const around = figure.closest('[data-run]');
    const kind = kinds(around ? around.dataset.run : '')[figure.dataset.chart];
    const panels = kind ? [...svg.querySelectorAll('.panel')].map(node => new Panel(node, kind)) : [];
    let again = false;
    const redraw = () => { again = true; panels.forEach(panel => panel.draw()); };
    if (names.length > 1) {
      for (const name of names) {
        tools.append(button(name, node => {
          const on = node.getAttribute('aria-pressed') !== 'true';
          node.setAttribute('aria-pressed', String(on));
          svg.querySelectorAll('.series, .key').forEach(part => { if (part.dataset.series === name) part.classList.toggle('off', !on); });
          if (again) redraw();
        }, { 'aria-pressed': 'true' }));
      }
    }
    if (!panels.length || !panels.some(panel => panel.series.length)) continue;
    tools.append(button('Logarithmic', node => {
      const log = node.getAttribute('aria-pressed') !== 'true';
      node.setAttribute('aria-pressed', String(log));
      panels.forEach(panel => { panel.log = log; });
      redraw();
    }, { 'aria-pressed': 'true' }));
    if (kind.ticks) tools.append(button('Zoom in', () => { panels.forEach(panel => panel.zoom(.5, cursor)); redraw(); }));
    if (kind.ticks) tools.append(button('Zoom out', () => { panels.forEach(panel => panel.zoom(2, cursor)); redraw(); }));
    if (kind.ticks) tools.append(button('Whole', () => { cursor = null; panels.forEach(panel => panel.reset()); redraw(); }));
    const readout = make('output', '', { class: 'readout' });
    const hint = 'Point at the chart, or focus it and use the arrow keys, to read values' + (kind.ticks ? '; drag to zoom.' : '.');
    readout.textContent = hint;
    area.after(readout);
    let cursor = null;
    const rule = shape('path', { class: 'c-grey', stroke: 'currentColor', 'stroke-dasharray': '3 3', fill: 'none' });
    svg.append(rule);
    const point = (panel, x) => {
      panel.load();
      const [first] = panel.nearest(x);
      cursor = x;
      if (first) x = first[1][0];
      const at = panel.place(x, 1)[0];
      rule.setAttribute('d', `M${at} ${panel.top}L${at} ${panel.bottom}`);
      readout.replaceChildren(make('span', kind.x(x)), ...panel.nearest(x).map(([name, [, ns]]) => make('span', `${name} ${time(ns)}`)));
    };
    const where = event => {
      const box = svg.getBoundingClientRect(), view = svg.viewBox.baseVal;
      const x = view.x + (event.clientX - box.left) * view.width / box.width, y = view.y + (event.clientY - box.top) * view.height / box.height;
      const panel = panels.find(one => x >= one.left && x <= one.right && y >= one.top && y <= one.bottom);
      return panel && [panel, panel.range[0] + (panel.range[1] - panel.range[0]) * (x - panel.left) / (panel.right - panel.left)];
    };
    let begun = null;
    svg.addEventListener('pointerdown', event => { if (event.pointerType === 'mouse' && kind.ticks) begun = where(event); });
    svg.addEventListener('pointermove', event => { const at = where(event); if (at) point(...at); });
    svg.addEventListener('pointerup', event => {
      const end = where(event);
      if (begun && end && begun[0] === end[0] && Math.abs(begun[1] - end[1]) > (end[0].range[1] - end[0].range[0]) / 40) {
        const range = [begun[1], end[1]].sort((a, b) => a - b);
        panels.forEach(panel => { panel.range = [...range]; });
        redraw();
      }
      begun = null;
    });
    svg.addEventListener('dblclick', () => { panels.forEach(panel => panel.reset()); redraw(); });
    area.addEventListener('keydown', event => {
      const panel = panels.find(one => one.series.length), width = panel.range[1] - panel.range[0];
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step) {
        const next = (cursor ?? panel.range[0]) + step * width / 40;
        point(panel, Math.min(panel.range[1], Math.max(panel.range[0], next)));
      } else if (kind.ticks && (event.key === '+' || event.key === '-')) {
        panels.forEach(one => one.zoom(event.key === '+' ? .5 : 2, cursor));
        redraw();
      } else if (event.key === '0') {
        panels.forEach(one => one.reset());
        redraw();
      } else return;
      event.preventDefault();
    });
  }
})();
