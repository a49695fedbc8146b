//! Programs that others wrote, with the libraries that programs are written with.

use std::process::{Child, Command, Stdio};

use crate::harness::{SITE_NAME, Site, eventually, free_port, listen_http2};

/// Debian's own Python, for Debian's packages.
const PYTHON: &str = "/usr/bin/python3";

/// Runs a program; what it printed.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(PYTHON)
        .args(["-c", program])
        .args(arguments)
        .env("no_proxy", "*")
        .output()
        .expect("python3 is installed");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Connects and sends a message; prints the answer, or the status of the refusal.
const WEB_SOCKET: &str = r#"
import asyncio, sys
from websockets.exceptions import InvalidHandshake
try:
    from websockets.asyncio.client import connect
    headers = "additional_headers"
except ImportError:  # before version 13
    from websockets import connect
    headers = "extra_headers"
async def main(url, cookie):
    try:
        async with connect(url, **{headers: {"Cookie": cookie} if cookie else {}}) as socket:
            await socket.send("hello")
            print(await socket.recv())
    except InvalidHandshake as refusal:
        print(getattr(refusal, "status_code", None) or refusal.response.status_code)
asyncio.run(main(*sys.argv[1:]))
"#;

#[test]
fn a_websocket_client_of_python_is_let_in_with_a_session_only() {
    let site = Site::start(
        "authentik_provider wiki;
         location / {
             proxy_pass http://app;
             proxy_http_version 1.1;
             proxy_set_header Upgrade $http_upgrade;
             proxy_set_header Connection upgrade;
         }",
    );
    let url = format!("ws://{}/ws", site.address());
    let session = site.signed_in().cookie_header().expect("a session cookie");

    assert_eq!(run(WEB_SOCKET, &[&url, ""]), "401\n");
    assert_eq!(site.app.hits(), 0);
    assert_eq!(run(WEB_SOCKET, &[&url, &session]), "hello\n");
}

/// Answers each call with the user, in the message and in a trailer.
const GRPC_SERVER: &str = r#"
import concurrent.futures, sys, grpc
class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        users = [value for name, value in details.invocation_metadata if name == "x-authentik-username"]
        def answer(request, context):
            context.set_trailing_metadata((("x-users", ",".join(users)),))
            return request + b" of " + ",".join(users).encode()
        return grpc.unary_unary_rpc_method_handler(answer)
server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
server.add_generic_rpc_handlers((Handler(),))
server.add_insecure_port(sys.argv[1])
server.start()
server.wait_for_termination()
"#;

/// Calls, and prints message and trailer, or the status.
const GRPC_CLIENT: &str = r#"
import sys, grpc
address, host, cookie = sys.argv[1:]
options = (("grpc.default_authority", host), ("grpc.enable_http_proxy", 0))
call = grpc.insecure_channel(address, options).unary_unary("/service/Call")
metadata = (("cookie", cookie), ("x-authentik-username", "root")) if cookie else ()
try:
    answer, ended = call.with_call(b"the call", metadata=metadata, timeout=20)
    print(answer.decode(), dict(ended.trailing_metadata())["x-users"])
except grpc.RpcError as error:
    print(error.code().name)
"#;

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_grpc_client_of_python_is_let_in_with_a_session_only() {
    let port = free_port();
    let mut server = Command::new(PYTHON);
    server.args(["-c", GRPC_SERVER, &format!("127.0.0.1:{port}")]).stdout(Stdio::null());
    let _server = Server(server.spawn().expect("python3 is installed"));
    eventually("the server answers (apt-get install python3-grpcio)", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    let site = Site::builder()
        .http(&format!(
            "server {{
                 {}
                 server_name {SITE_NAME};
                 authentik_provider wiki;
                 location / {{ grpc_pass grpc://127.0.0.1:{port}; }}
             }}",
            listen_http2("")
        ))
        .server("authentik_provider wiki; location / { proxy_pass http://app; }")
        .start();
    let session = site.signed_in().cookie_header().expect("a session cookie");
    let address = site.other_address().to_string();
    let host = format!("{SITE_NAME}:{}", site.other_address().port());

    assert_eq!(run(GRPC_CLIENT, &[&address, &host, ""]), "UNAUTHENTICATED\n");
    let answer = run(GRPC_CLIENT, &[&address, &host, &session]);
    assert_eq!(answer, "the call of alice alice\n");
}
