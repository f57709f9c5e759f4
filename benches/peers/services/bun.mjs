// Topics for bun: WebSockets by its own publish (uWebSockets), SSE by streams that write directly. bun bun.mjs PORT
const streams = new Map();
const encoder = new TextEncoder();
let published = 0;

function subscribe(topic, signal) {
  const topics = streams.get(topic) ?? streams.set(topic, new Set()).get(topic);
  const body = new ReadableStream({
    type: "direct",
    async pull(controller) {
      controller.write(": open\n\n");
      controller.flush();
      topics.add(controller);
      await new Promise((closed) => signal.addEventListener("abort", closed));
      topics.delete(controller);
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-cache" } });
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  idleTimeout: 0,
  async fetch(request, server) {
    const [, kind, topic] = new URL(request.url).pathname.split("/");
    if (kind === "ws" && server.upgrade(request, { data: { topic } })) return;
    if (kind === "sse") return subscribe(topic, request.signal);
    if (kind === "status") return Response.json({ published });
    if (kind !== "pub" || request.method !== "POST") return new Response(null, { status: 404 });
    const message = await request.text();
    published += 1;
    server.publish(topic, message);
    const bytes = encoder.encode(`data: ${message}\n\n`);
    for (const controller of streams.get(topic) ?? []) {
      controller.write(bytes);
      controller.flush();
    }
    return new Response(null, { status: 204 });
  },
  websocket: {
    idleTimeout: 0,
    open: (socket) => socket.subscribe(socket.data.topic),
    message: () => {},
  },
});
console.log(`listening on ${server.port}`);
