// A real BetterAuth server on a free port of 127.0.0.1, for one test or one demo. People come and go by its HTTP API;
// what only its database can do is done over standard input: a line of JSON is a command, a line of standard output is
// its answer, and the first line says where the server is. It ends with its standard input.
//
// The one argument is JSON: {"cache":"off|compact|jwt|jwe","secure":bool,"prefix":"better-auth","rateLimit":0}.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { admin } from "better-auth/plugins/admin";
import { createAccessControl } from "better-auth/plugins/access";
import { adminAc, defaultStatements } from "better-auth/plugins/admin/access";

const settings = JSON.parse(process.argv[2] ?? "{}");
const { cache = "off", secure = false, prefix = "better-auth", rateLimit = 0 } = settings;

const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const url = `http://127.0.0.1:${server.address().port}`;

const tables = { user: [], session: [], account: [], verification: [] };
const control = createAccessControl({ ...defaultStatements, workspace: ["look", "change"] });
const auth = betterAuth({
  baseURL: url,
  secret: "of-a-server-that-only-tests-know-0123456789",
  telemetry: { enabled: false },
  logger: { level: "error" },
  database: memoryAdapter(tables),
  emailAndPassword: { enabled: true },
  user: { additionalFields: { tenant: { type: "string", required: false, input: false } } },
  session: { cookieCache: cache === "off" ? { enabled: false } : { enabled: true, strategy: cache, maxAge: 300 } },
  advanced: { useSecureCookies: secure, cookiePrefix: prefix },
  rateLimit: {
    enabled: rateLimit > 0,
    window: 60,
    max: rateLimit,
    // Whoever comes in to use up the limit is not to be held up by it.
    customRules: { "/sign-in/*": false, "/sign-up/*": false },
  },
  plugins: [
    admin({
      ac: control,
      roles: {
        admin: control.newRole({ ...adminAc.statements, workspace: ["look", "change"] }),
        operator: control.newRole({ workspace: ["look", "change"] }),
        observer: control.newRole({ workspace: ["look"] }),
        nobody: control.newRole({}),
      },
      defaultRole: "nobody",
      adminRoles: ["admin"],
    }),
  ],
});

// What was asked of it: the head of each request as it came, and the number of the connection on which it came.
let connections = 0;
let asked = [];
server.on("connection", (socket) => (socket.number = ++connections));
const answer = toNodeHandler(auth);
server.on("request", (request, response) => {
  const { method, url: path, rawHeaders: headers, socket } = request;
  asked.push({ method, path, headers, connection: socket.number });
  return answer(request, response);
});

const found = (id) => {
  const user = tables.user.find((user) => user.id === id);
  if (!user) throw new Error(`there is no user ${id}`);
  return user;
};
const commands = {
  // Writes into a user's row, past the API. Of dates, in ISO 8601, there is one: banExpires.
  user: ({ id, row }) => {
    const { banExpires } = row;
    Object.assign(found(id), row, banExpires ? { banExpires: new Date(banExpires) } : {});
  },
  // Ends the time of all of a user's sessions, a second ago.
  expire: ({ id }) => {
    found(id);
    for (const session of tables.session) if (session.userId === id) session.expiresAt = new Date(Date.now() - 1000);
  },
  // What was asked since it was last said.
  asked: () => {
    const since = asked;
    asked = [];
    return since;
  },
};

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const { authCookies } = await auth.$context;
server.on("error", (error) => say({ error: String(error) }));
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  try {
    const command = JSON.parse(line);
    if (!Object.hasOwn(commands, command.do)) throw new Error(`there is no command ${command.do}`);
    say({ done: commands[command.do](command) ?? null });
  } catch (error) {
    say({ error: String(error) });
  }
});
lines.on("close", () => process.exit(0));
say({ url, cookie: authCookies.sessionToken.name });
