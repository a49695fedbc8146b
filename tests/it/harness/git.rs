//! Git: a server (`git http-backend` behind HTTP) and the git command.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

/// Serves the repositories of a directory to the user in `X-authentik-username`.
#[derive(Debug)]
pub(crate) struct Forge {
    address: SocketAddr,
}

impl Forge {
    /// Creates a bare repository `repo.git` in `root` and serves it until the process exits.
    pub(crate) fn start(root: &Path) -> Self {
        let made = git(root, &["init", "-q", "--bare", "-b", "main", "repo.git"]);
        assert!(made.status.success(), "{made:?}");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let root = root.to_owned();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = serve(stream, &root);
            }
        });
        Self { address }
    }

    /// The address for `proxy_pass`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Runs git in a directory, without the machine's settings.
pub(crate) fn git(directory: &Path, arguments: &[&str]) -> Output {
    plain_git(directory).args(arguments).output().expect("git is installed: apt-get install git")
}

fn plain_git(directory: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(directory)
        .env("HOME", directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("no_proxy", "*")
        .args(["-c", "user.name=Bob", "-c", "user.email=bob@example.test"]);
    command
}

/// One request, as sent by nginx to an upstream: HTTP/1.0, with a length if it has a body.
fn serve(stream: TcpStream, root: &PathBuf) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_ascii_whitespace();
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut backend = plain_git(root);
    backend
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => {
                length = value.parse().unwrap_or(0);
                backend.env("CONTENT_LENGTH", value);
            }
            "content-type" => drop(backend.env("CONTENT_TYPE", value)),
            "content-encoding" => drop(backend.env("HTTP_CONTENT_ENCODING", value)),
            "git-protocol" => drop(backend.env("HTTP_GIT_PROTOCOL", value)),
            "x-authentik-username" => drop(backend.env("REMOTE_USER", value)),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut child = backend.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().expect("its input").write_all(&body)?;
    let output = child.wait_with_output()?.stdout;
    let status =
        output.strip_prefix(b"Status: ").and_then(|rest| rest.split(|&b| b == b'\r').next());
    let status = String::from_utf8_lossy(status.unwrap_or(b"200 OK")).into_owned();
    let stream = reader.get_mut();
    write!(stream, "HTTP/1.0 {status}\r\nConnection: close\r\n")?;
    stream.write_all(&output)
}
