// Accessibility by axe-core at WCAG 2.2 A and AA: no violation. It leaves open the contrast of text in pictures and of text that is
// scrolled out of sight; that is computed here, from the colours themselves.

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa'];

/** The contrast of each text that axe left open, where it is too low. Runs in the page. */
const contrasts = targets => {
  const parsed = text => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    // Mixed colours are told as color(srgb …), from 0 to 1.
    const full = text.startsWith('color(srgb') ? 255 : 1;
    return { rgb: [r * full, g * full, b * full], a };
  };
  const over = (front, back) => front.rgb.map((c, at) => c * front.a + back[at] * (1 - front.a));
  const luminance = rgb => rgb.map(c => c / 255).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, at) => sum + c * [.2126, .7152, .0722][at], 0);
  const ratio = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + .05) / (low + .05);
  };
  const ground = node => {
    const chain = [];
    for (let at = node; at; at = at.parentElement) chain.unshift(parsed(getComputedStyle(at).backgroundColor));
    return chain.reduce((back, front) => over(front, back), [255, 255, 255]);
  };
  // Boxes of a picture that are drawn before a text, and behind it.
  const behind = (node, page) => {
    const own = node.getBoundingClientRect();
    const boxes = [...node.ownerSVGElement.querySelectorAll('rect')].filter(box => {
      const at = box.getBoundingClientRect(), shown = getComputedStyle(box);
      return box.compareDocumentPosition(node) & 4 && shown.fill !== 'none' && shown.display !== 'none' && !box.closest('clipPath')
        && at.left < own.right && at.right > own.left && at.top < own.bottom && at.bottom > own.top;
    });
    // A box around the whole text hides what is below it; of one that it touches, either may be behind a letter.
    return boxes.reduce((backs, box) => {
      const at = box.getBoundingClientRect(), fill = parsed(getComputedStyle(box).fill);
      const covers = at.left <= own.left + 1 && at.right >= own.right - 1 && at.top <= own.top + 1 && at.bottom >= own.bottom - 1;
      const painted = backs.map(back => over(fill, back));
      return covers ? painted : [...backs, ...painted];
    }, [page]);
  };
  const low = [];
  for (const target of targets) {
    const node = document.querySelector(target), style = getComputedStyle(node), page = ground(node);
    const inPicture = node instanceof SVGElement && node.ownerSVGElement;
    const ink = parsed(inPicture ? style.fill : style.color);
    const size = parseFloat(style.fontSize), large = size >= 24 || size >= 18.66 && Number(style.fontWeight) >= 700;
    for (const back of inPicture ? behind(node, page) : [page]) {
      const has = ratio(over(ink, back), back), needs = large ? 3 : 4.5;
      if (has < needs) low.push(`${has.toFixed(2)} of ${needs}: '${node.textContent.slice(0, 40)}' at ${target}`);
    }
  }
  return low;
};

/** Tells what axe finds in `page`, with all that folds away opened; returns how many rules passed. */
export async function accessible(page, axe, tell) {
  await page.ask(`${axe}; 0`);
  const found = await page.ask(async tags => {
    document.querySelectorAll('details').forEach(node => { node.open = true; });
    const { violations, incomplete, passes } = await window.axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations', 'incomplete'] });
    const short = ({ id, help, nodes }) => ({
      id, help, targets: nodes.map(node => node.target.join(' ')),
      where: nodes.slice(0, 3).map(node => `${node.target.join(' ')} (${[...node.any, ...node.all, ...node.none].map(one => one.message).join('; ')})`),
    });
    return { violations: violations.map(short), incomplete: incomplete.map(short), passes: passes.map(one => one.id) };
  }, TAGS);
  const line = ({ id, help, targets, where }) => `${id}, ${targets.length} times: ${help}: ${where.join(' | ')}`;
  for (const one of found.violations) tell(`axe: ${line(one)}`);
  let computed = 0;
  for (const one of found.incomplete) {
    if (one.id !== 'color-contrast') { tell(`axe cannot decide ${line(one)}`); continue; }
    computed += one.targets.length;
    const low = await page.ask(contrasts, one.targets);
    if (low.length) tell(`${low.length} texts have too little contrast: ${low.slice(0, 5).join(' | ')}`);
  }
  if (!found.passes.includes('color-contrast')) tell('axe judged no contrast');
  return { rules: found.passes.length, computed };
}
