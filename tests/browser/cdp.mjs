// Chromium over its debugging pipe: messages of the DevTools protocol, each ended by a zero byte. Needs no package.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FLAGS = [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--disable-dev-shm-usage', '--remote-debugging-pipe', '--host-resolver-rules=MAP * ~NOTFOUND',
];

/** A browser of its own profile; `close` ends it and removes the profile. */
export class Browser {
  static async start(command) {
    const profile = await mkdtemp(join(tmpdir(), 'tidings-browser-'));
    const child = spawn(command, [...FLAGS, `--user-data-dir=${profile}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], detached: true });
    return new Browser(child, profile);
  }

  constructor(child, profile) {
    Object.assign(this, { child, profile, next: 1, waiting: new Map(), listeners: new Map(), pages: [] });
    this.gone = new Promise(done => child.on('close', done));
    child.on('error', error => this.fail(error));
    child.on('close', () => this.fail(new Error('the browser ended')));
    child.stdio[3].on('error', () => {});
    let parts = [];
    child.stdio[4].on('data', bytes => {
      for (let at; (at = bytes.indexOf(0)) >= 0; bytes = bytes.subarray(at + 1)) {
        this.take(JSON.parse(Buffer.concat([...parts, bytes.subarray(0, at)]).toString()));
        parts = [];
      }
      if (bytes.length) parts.push(bytes);
    });
  }

  fail(error) {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  take(message) {
    const { id, error, result, method, params, sessionId } = message;
    if (id === undefined) {
      for (const listener of this.listeners.get(sessionId) ?? []) listener(method, params);
      return;
    }
    const { resolve, reject, of } = this.waiting.get(id) ?? {};
    this.waiting.delete(id);
    if (error) reject?.(new Error(`${of}: ${error.message}`));
    else resolve?.(result);
  }

  send(method, params = {}, sessionId) {
    const id = this.next++;
    this.child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject, of: method }));
  }

  async page() {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, sessionId, targetId);
    this.listeners.set(sessionId, [(method, params) => page.hear(method, params)]);
    for (const domain of ['Page', 'Runtime', 'Network', 'Log', 'DOM']) await page.send(`${domain}.enable`);
    return page;
  }

  async close() {
    await Promise.race([this.send('Browser.close').catch(() => {}), new Promise(done => setTimeout(done, 3000))]);
    // Whatever it started is in its group.
    try { process.kill(-this.child.pid, 'SIGKILL'); } catch {}
    await this.gone;
    await rm(this.profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** A tab: what it asked for, what it complained of, and what a person does with it. */
export class Page {
  constructor(browser, sessionId, targetId) {
    Object.assign(this, { browser, sessionId, targetId, requests: [], complaints: [], loaded: () => {} });
  }

  send(method, params) { return this.browser.send(method, params, this.sessionId); }

  hear(method, params) {
    if (method === 'Network.requestWillBeSent') this.requests.push(params.request.url);
    if (method === 'Page.loadEventFired') this.loaded();
    if (method === 'Runtime.exceptionThrown') this.complaints.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    if (method === 'Runtime.consoleAPICalled' && ['error', 'warning', 'assert'].includes(params.type)) {
      this.complaints.push(`${params.type}: ${params.args.map(one => one.value ?? one.description).join(' ')}`);
    }
    if (method === 'Log.entryAdded' && ['error', 'warning'].includes(params.entry.level)) this.complaints.push(`${params.entry.source}: ${params.entry.text}`);
  }

  async open(url) {
    const loaded = new Promise(done => { this.loaded = done; });
    const { errorText } = await this.send('Page.navigate', { url });
    if (errorText) throw new Error(`${url}: ${errorText}`);
    await loaded;
  }

  /** What `expression`, or a function with JSON arguments, gives in the page. */
  async ask(expression, ...given) {
    const text = typeof expression === 'function' ? `(${expression})(${given.map(one => JSON.stringify(one)).join(',')})` : expression;
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression: text, returnByValue: true, awaitPromise: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  async size(width, height = 900) {
    await this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
  }

  async dress(scheme, media = '') {
    await this.send('Emulation.setEmulatedMedia', { media, features: [{ name: 'prefers-color-scheme', value: scheme }, { name: 'prefers-reduced-motion', value: 'reduce' }] });
  }

  /** The middle of the element that `find` gives, scrolled into view. */
  async place(find) {
    return this.ask(`(() => {
      const node = (${find})();
      node.scrollIntoView({ block: 'center', inline: 'center' });
      const box = node.getBoundingClientRect();
      return [box.x + box.width / 2, box.y + box.height / 2];
    })()`);
  }

  async mouse(type, [x, y], more = {}) { await this.send('Input.dispatchMouseEvent', { type, x, y, ...more }); }

  async click(find) {
    const at = await this.place(find);
    await this.mouse('mouseMoved', at);
    for (const type of ['mousePressed', 'mouseReleased']) await this.mouse(type, at, { button: 'left', clickCount: 1 });
  }

  async press(key, { code = key, text, keyCode, modifiers = 0 } = {}) {
    const of = { key, code, modifiers, windowsVirtualKeyCode: keyCode };
    await this.send('Input.dispatchKeyEvent', { type: text ? 'keyDown' : 'rawKeyDown', text, ...of });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...of });
  }

  async close() { await this.browser.send('Target.closeTarget', { targetId: this.targetId }); }
}

export const KEYS = {
  Tab: ['Tab', { keyCode: 9 }],
  Enter: ['Enter', { keyCode: 13, text: '\r' }],
  Space: [' ', { code: 'Space', keyCode: 32, text: ' ' }],
  Right: ['ArrowRight', { keyCode: 39 }],
  Plus: ['+', { code: 'Equal', keyCode: 187, text: '+', modifiers: 8 }],
  Zero: ['0', { code: 'Digit0', keyCode: 48, text: '0' }],
};
