// What a reader does on a report page: reaches everything by keyboard, sorts tables, hides series, changes scales and colours.

/** Presses Tab through the page: what can be used is reached, in the page's order. Returns the number of stops. */
export async function reach(page, keys, tell) {
  const wanted = await page.ask(`(() => {
    const all = 'a[href], button, summary, [tabindex="0"]';
    window.stops = [...document.querySelectorAll(all)].filter(node => node.getClientRects().length && !node.closest('details:not([open]) > :not(summary)'));
    return window.stops.length;
  })()`);
  // Enough of them to pass every kind; each of a thousand headings says nothing more.
  const tried = Math.min(wanted, 150);
  for (let at = 0; at < tried; at++) {
    await page.press(...keys.Tab);
    const seen = await page.ask(`(() => {
      const node = document.activeElement;
      const style = getComputedStyle(node);
      return { at: window.stops.indexOf(node), outline: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0, what: node.outerHTML.slice(0, 80) };
    })()`);
    if (seen.at !== at) { tell(`Tab number ${at + 1} is at ${seen.what}, stop ${seen.at + 1} of the page's order`); break; }
    if (!seen.outline) tell(`no outline at ${seen.what}`);
  }
  return tried;
}

/** The texts of a column, their numbers in base units, without marks; the test's own reading. */
const column = (table, at) => {
  const units = { ns: 1, 'µs': 1e3, ms: 1e6, s: 1e9, KiB: 1024, MiB: 1048576, GiB: 1073741824, '%': 1 };
  return [...document.querySelectorAll('table')[table].tBodies].map(body => [...body.rows].filter(row => row.cells.length > 1).map(row => {
    const cell = row.cells[at].cloneNode(true);
    cell.querySelectorAll('.tag, .interval, .mark').forEach(node => node.remove());
    const [number, unit] = cell.textContent.trim().replaceAll(',', '').split(' ');
    return number === '' || Number.isNaN(Number(number)) ? cell.textContent.trim() : Number(number) * (units[unit] ?? 1);
  }));
};

function ordered(groups, up) {
  return groups.every(values => {
    const numbers = values.filter(value => typeof value === 'number');
    // What is not a number stays behind.
    return (!numbers.length || numbers.every((value, at) => values[at] === value)) && numbers.every((value, at) => at === 0 || (up ? numbers[at - 1] <= value : numbers[at - 1] >= value));
  });
}

/** Sorts columns of numbers in the first tables by mouse, Enter and Space. Returns how many. */
export async function tables(page, keys, tell) {
  const heads = await page.ask(() => [...document.querySelectorAll('table')].flatMap((table, t) =>
    [...table.tHead.rows[0].cells].flatMap((head, at) => head.querySelector('button') && head.matches('.right') ? [[t, at, head.textContent]] : []).slice(0, 4)).slice(0, 20));
  if (heads.length < 4) tell(`only ${heads.length} columns can be sorted`);
  for (const [table, at, title] of heads) {
    const find = `() => document.querySelectorAll('table')[${table}].tHead.rows[0].cells[${at}].querySelector('button')`;
    const cells = async () => (await page.ask(column, table, at)).flat().map(String).sort().join();
    const before = await cells();
    const ways = [['the mouse', () => page.click(find), 'ascending'], ['Enter', () => page.press(...keys.Enter), 'descending'], ['Space', () => page.press(...keys.Space), 'ascending']];
    for (const [way, act, direction] of ways) {
      if (way !== 'the mouse') await page.ask(`(${find})().focus()`);
      await act();
      const said = await page.ask(`(${find})().closest('th').getAttribute('aria-sort')`);
      if (said !== direction) tell(`'${title}' sorted by ${way} says ${said}`);
      const groups = await page.ask(column, table, at);
      if (!ordered(groups, direction === 'ascending')) tell(`'${title}' sorted by ${way} (${direction}) shows ${JSON.stringify(groups).slice(0, 300)}`);
    }
    if (await cells() !== before) tell(`'${title}': sorting changed the cells`);
  }
  return heads.length;
}

const state = `(figure => {
  const svg = document.querySelectorAll('figure[data-chart]')[figure].querySelector('svg');
  return {
    shown: [...svg.querySelectorAll('.series')].filter(node => getComputedStyle(node).display !== 'none').map(node => node.dataset.series),
    paths: [...svg.querySelectorAll('.series path[stroke-width]')].map(node => node.getAttribute('d')).join(),
    title: [...svg.querySelectorAll('text[transform]')].map(node => node.textContent).join(),
    readout: document.querySelectorAll('figure[data-chart]')[figure].querySelector('.readout')?.textContent ?? '',
  };
})`;

/** Uses the controls of every chart. Returns how many series were hidden and shown again. */
export async function charts(page, keys, tell) {
  const figures = await page.ask(() => [...document.querySelectorAll('figure[data-chart]')].map(node => ({
    name: node.dataset.chart, buttons: [...node.querySelectorAll('.tools button')].map(one => one.textContent),
  })));
  let toggled = 0;
  for (const [figure, { name, buttons }] of figures.entries()) {
    const now = () => page.ask(`${state}(${figure})`);
    const button = at => `() => document.querySelectorAll('figure[data-chart]')[${figure}].querySelectorAll('.tools button')[${at}]`;
    const scale = buttons.indexOf('Logarithmic');
    for (const at of (scale < 0 ? buttons : buttons.slice(0, scale)).slice(0, 6).keys()) {
      const { shown } = await now();
      await page.click(button(at));
      const without = (await now()).shown;
      if (without.includes(buttons[at]) || without.length >= shown.length) tell(`${name}: ${buttons[at]} is still drawn`);
      await page.ask(`(${button(at)})().focus()`);
      await page.press(...keys.Space);
      if (String((await now()).shown) !== String(shown)) tell(`${name}: ${buttons[at]} does not come back`);
      toggled++;
    }
    if (scale < 0) continue;
    const before = await now();
    await page.click(button(scale));
    const linear = await now();
    if (!linear.title.includes('(linear scale)')) tell(`${name}: the linear scale is called '${linear.title}'`);
    if (linear.paths === before.paths) tell(`${name}: linear is drawn as logarithmic`);
    await page.click(button(scale));
    if (!(await now()).title.includes('(log scale)')) tell(`${name}: the scale does not come back`);
    const area = `() => document.querySelectorAll('figure[data-chart]')[${figure}].querySelector('.chart')`;
    await page.ask(`(${area})().focus()`);
    await page.press(...keys.Right);
    const read = (await now()).readout;
    if (!/\d/.test(read)) tell(`${name}: the arrow key reads '${read}'`);
    if (buttons.includes('Zoom in')) {
      const whole = (await now()).paths;
      await page.press(...keys.Plus);
      if ((await now()).paths === whole) tell(`${name}: + does not zoom in`);
      await page.press(...keys.Zero);
      if ((await now()).paths !== whole) tell(`${name}: 0 does not zoom out`);
    }
    await page.mouse('mouseMoved', await page.place(area));
    if (!/\d/.test((await now()).readout)) tell(`${name}: the mouse reads '${(await now()).readout}'`);
  }
  return toggled;
}

/** The button for dark does what a browser that prefers dark does. */
export async function dress(page, tell) {
  const colours = () => page.ask(() => [document.body, document.querySelector('h1'), document.querySelector('.series, svg text'), document.querySelector('th')]
    .map(node => { const style = getComputedStyle(node); return [style.backgroundColor, style.color].join(); }).join(' '));
  const light = await colours();
  await page.dress('dark');
  const preferred = await colours();
  await page.dress('light');
  await page.click(`() => document.querySelector('#dress button')`);
  const chosen = await colours();
  if (preferred === light) tell('a browser that prefers dark gets the light page');
  if (chosen !== preferred) tell(`the dark button gives ${chosen}, not ${preferred}`);
  await page.click(`() => document.querySelector('#dress button')`);
  if (await colours() !== light) tell('the page does not become light again');
}
