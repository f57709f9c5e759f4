// Checks report pages in Chromium: node tests/browser/report.mjs --axe axe.min.js [--pictures FOLDER] NAME=report.html…
//
// Prints a line per page: bytes, milliseconds until loaded, printed pages. Exits 1 and names each fault. The time decides nothing.

import { readFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Browser, KEYS } from './cdp.mjs';
import { accessible } from './axe.mjs';
import { charts, dress, reach, tables } from './acts.mjs';

const WIDTHS = [360, 768, 1440];
const LARGE = 1_000_000;
// What all checks of a page may take; nothing else is judged by it.
const PATIENCE_MS = 280_000;

const faults = [];
function given() {
  const options = { pages: [] }, words = process.argv.slice(2);
  while (words.length) {
    const word = words.shift();
    if (word === '--axe' || word === '--pictures') options[word.slice(2)] = words.shift();
    else options.pages.push([word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]);
  }
  return options;
}

/** What a reader sees of a page, without what its script adds. */
const content = () => {
  const page = document.querySelector('main').cloneNode(true);
  page.querySelectorAll('.tools, .readout, pre + button').forEach(node => node.remove());
  const size = of => [...document.querySelectorAll(of)].filter(node => node.getBoundingClientRect().height > 0).length;
  return {
    text: page.textContent.replace(/\s+/g, ' '),
    tables: page.querySelectorAll('table').length,
    drawn: size('figure svg'),
    buttons: document.querySelectorAll('button').length,
    links: [...document.querySelectorAll('a[download]')].map(link => link.getAttribute('href').length),
  };
};

/** Without scripts, the page has every word, table and chart. */
async function without(page, url, tell) {
  const scripted = await page.ask(content);
  await page.send('Emulation.setScriptExecutionDisabled', { value: true });
  await page.open(url);
  const plain = await page.ask(content);
  await page.send('Emulation.setScriptExecutionDisabled', { value: false });
  if (plain.buttons) tell(`${plain.buttons} buttons do nothing without JavaScript`);
  if (!scripted.buttons) tell('no button with JavaScript');
  for (const what of ['text', 'tables', 'drawn', 'links']) {
    if (String(plain[what]) !== String(scripted[what])) tell(`${what} differ without JavaScript: ${String(plain[what]).slice(0, 200)} | ${String(scripted[what]).slice(0, 200)}`);
  }
}

/** Pages of a print on A4, and whether long tables are cut where they say so. */
async function print(page, tell, save) {
  await page.dress('dark');
  const { data } = await page.send('Page.printToPDF', { preferCSSPageSize: true, printBackground: true });
  await save('print.pdf', data);
  const pages = (Buffer.from(data, 'base64').toString('latin1').match(/\/Type\s*\/Page\b(?!s)/g) ?? []).length;
  await page.dress('dark', 'print');
  const seen = await page.ask(() => {
    const shown = node => node.getClientRects().length > 0;
    const cut = [...document.querySelectorAll('table')].filter(shown).map(table => {
      const rows = [...table.tBodies].flatMap(body => [...body.rows]).filter(row => row.cells.length > 1);
      const note = table.closest('.scroll').nextElementSibling;
      return [rows.filter(shown).length, rows.length, note?.matches('.printed') && shown(note) ? note.textContent : ''];
    });
    const controls = [...document.querySelectorAll('.tools button, nav a, .readout')].filter(shown).length;
    return { cut, controls, ground: getComputedStyle(document.body).backgroundColor };
  });
  for (const [shown, all, note] of seen.cut) {
    if (shown < all ? !note.includes(`${shown} of ${all} rows`) : note) tell(`${shown} of ${all} rows are printed, and the page says: '${note}'`);
  }
  if (seen.controls) tell(`${seen.controls} controls are printed`);
  if (seen.ground !== 'rgb(255, 255, 255)') tell(`paper is ${seen.ground}`);
  await page.dress('light');
  return pages;
}

async function check(browser, name, path, options) {
  const url = pathToFileURL(path).href, bytes = (await readFile(path)).length;
  const tell = fault => faults.push(`${name}: ${fault}`);
  const save = async (as, data) => {
    if (options.pictures) await writeFile(join(options.pictures, `${name}-${as}`), Buffer.from(data, 'base64'));
  };
  const page = await browser.page();
  await page.size(1440);
  await page.dress('light');
  await page.open(url);
  const loaded = await page.ask('(performance.getEntriesByType("navigation")[0] ?? {}).loadEventEnd ?? performance.timing.loadEventEnd - performance.timing.navigationStart');

  const axe = await readFile(options.axe, 'utf8');
  let rules = 0, contrasts = 0;
  for (const width of WIDTHS) {
    // Colours are the same at each width: a page that takes long is judged in both dresses at one of them.
    for (const scheme of bytes < LARGE || width === 1440 ? ['light', 'dark'] : ['light']) {
      await page.size(width);
      await page.dress(scheme);
      await page.open(url);
      const at = `${width} px, ${scheme}`;
      const over = await page.ask('document.documentElement.scrollWidth - document.documentElement.clientWidth');
      if (over > 0) tell(`${at}: the page is ${over} px wider than the window`);
      if (options.pictures) {
        const { data } = await page.send('Page.captureScreenshot', { captureBeyondViewport: true });
        await save(`${width}-${scheme}.png`, data);
      }
      const judged = await accessible(page, axe, fault => tell(`${at}: ${fault}`));
      rules += judged.rules;
      contrasts += judged.computed;
    }
  }
  await page.size(1440);
  await page.dress('light');
  await page.open(url);
  const reached = await reach(page, KEYS, tell);
  const sorted = await tables(page, KEYS, tell);
  const toggled = await charts(page, KEYS, tell);
  await dress(page, tell);
  await page.open(url);
  const printed = await print(page, tell, save);
  if (name === 'quickstart' && printed !== 2) tell(`${printed} printed pages, not 2`);
  await without(page, url, tell);
  for (const request of new Set(page.requests)) if (request !== url && !request.startsWith('data:')) tell(`asked for ${request}`);
  for (const complaint of page.complaints) tell(`the console says: ${complaint}`);
  await page.close();
  console.log(`${name}: ${bytes} bytes, loaded after ${Math.round(loaded)} ms, ${printed} printed pages, ${reached} stops of the Tab key, ${sorted} columns sorted, ${toggled} series hidden and shown, ${rules} rules of axe passed, ${contrasts} contrasts computed beside`);
}

const options = given();
if (!options.axe || !options.pages.length) {
  console.error('usage: node report.mjs --axe axe.min.js [--pictures FOLDER] NAME=report.html…');
  process.exit(2);
}
if (options.pictures) await mkdir(options.pictures, { recursive: true });
const browser = await Browser.start(process.env.CHROMIUM || 'chromium');
const late = setTimeout(() => { faults.push(`not finished after ${PATIENCE_MS / 1000} s`); browser.fail(new Error('too late')); }, PATIENCE_MS * options.pages.length);
try {
  for (const [name, path] of options.pages) await check(browser, name, path, options);
} catch (error) {
  faults.push(error.stack);
} finally {
  clearTimeout(late);
  await browser.close();
}
for (const fault of faults) console.error(fault);
process.exit(faults.length ? 1 : 0);
