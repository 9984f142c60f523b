//! The router as its clients see it: over a real port, in front of a real engine.

#[path = "server/asked.rs"]
mod asked;
#[path = "server/captures.rs"]
mod captures;
#[path = "server/crowd.rs"]
mod crowd;
#[path = "server/domains.rs"]
mod domains;
#[path = "server/grpc.rs"]
mod grpc;
#[path = "server/grpc_client.rs"]
mod grpc_client;
#[path = "server/grpc_limits.rs"]
mod grpc_limits;
#[path = "server/grpc_web.rs"]
mod grpc_web;
#[path = "server/keep_alive.rs"]
mod keep_alive;
#[path = "server/life.rs"]
mod life;
#[path = "server/links.rs"]
mod links;
#[path = "server/logins.rs"]
mod logins;
#[path = "server/messages.rs"]
mod messages;
#[path = "server/node.rs"]
mod node;
#[path = "server/rates.rs"]
mod rates;
#[path = "common/recorded.rs"]
mod recorded;
#[path = "server/refusals.rs"]
mod refusals;
#[path = "server/retries.rs"]
mod retries;
#[path = "server/site.rs"]
mod site;
#[path = "server/sockets.rs"]
mod sockets;
#[path = "server/streams.rs"]
mod streams;
#[path = "server/submit.rs"]
mod submit;
#[path = "server/submit_client.rs"]
mod submit_client;
#[path = "server/webhooks.rs"]
mod webhooks;
