// A GraphQL server by graphql-yoga (subscriptions over SSE) and graphql-ws (over WebSocket) on one URL.
//
// node graphql.js PORT; the packages are found in NODE_PATH.

const { createServer } = require("node:http");
const { WebSocketServer } = require("ws");
const { useServer } = require("graphql-ws/use/ws");
const { createPubSub, createSchema, createYoga, Repeater } = require("graphql-yoga");

const pubSub = createPubSub();
let published = 0;

const schema = createSchema({
  typeDefs: `
    type Query { published: Int! }
    type Mutation { publish(topic: String!, event: String!): Boolean! }
    type Subscription { events(topic: String!): String! }
  `,
  resolvers: {
    Query: { published: () => published },
    Mutation: {
      publish: (_, { topic, event }) => {
        published += 1;
        pubSub.publish(topic, event);
        return true;
      },
    },
    Subscription: {
      events: {
        // Neither protocol says when a subscription has begun: its first value does.
        subscribe: (_, { topic }) => Repeater.merge([["subscribed"], pubSub.subscribe(topic)]),
        resolve: (event) => event,
      },
    },
  },
});

const yoga = createYoga({ schema, logging: "error", graphiql: false });
const http = createServer(yoga);
useServer({ schema }, new WebSocketServer({ server: http, path: yoga.graphqlEndpoint }));
http.listen(Number(process.argv[2]), "127.0.0.1");
