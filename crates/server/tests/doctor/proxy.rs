//! Proxies as the guide configures them.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};

use crate::support::PATIENCE;

/// The proxy's own address, so that it is told apart from clients on this machine.
pub(crate) const PROXY: &str = "127.0.0.2";

const GUIDE: &str = include_str!("../../../../docs/guides/behind-a-proxy.md");
const GUIA: &str = include_str!("../../../../docs/guides/behind-a-proxy.es.md");

/// A block of the guide in some language of code; the same in both.
fn of_the_guide(language: &str) -> String {
    let block = |guide: &str| {
        let (_, rest) = guide.split_once(&format!("```{language}\n")).expect("the guide has the block");
        rest.split_once("```").unwrap().0.to_owned()
    };
    assert_eq!(block(GUIDE), block(GUIA), "both guides say the same");
    block(GUIDE)
}

/// A configuration of nginx: the guide's, to be changed.
pub(crate) struct Nginx(String);

impl Nginx {
    pub(crate) fn of_the_guide() -> Self {
        Self(of_the_guide("nginx"))
    }

    /// Another, whose lines are named alike.
    #[allow(dead_code, reason = "the doctor's own tests have the guide's alone")]
    pub(crate) fn of(site: &str) -> Self {
        Self(site.to_owned())
    }

    /// Without the line that begins so.
    pub(crate) fn without(self, line: &str) -> Self {
        self.changed(line, "")
    }

    /// With another in place of the line that begins so.
    pub(crate) fn changed(self, line: &str, other: &str) -> Self {
        let found = self.0.lines().find(|found| found.trim_start().starts_with(line));
        let found = found.unwrap_or_else(|| panic!("the guide has {line:?}"));
        Self(self.0.replacen(found, other, 1))
    }

    /// With more lines in the place where everything is passed on.
    pub(crate) fn with(self, lines: &str) -> Self {
        Self(self.0.replacen("location / {", &format!("location / {{\n        {lines}"), 1))
    }

    /// Runs it before a server, with [`PROXY`] as its own address.
    pub(crate) async fn start(self, server: SocketAddr) -> Proxy {
        self.with(&format!("proxy_bind {PROXY};")).start_here(server).await
    }

    /// Runs it before a server, with the address of this machine's clients.
    pub(crate) async fn start_here(self, server: SocketAddr) -> Proxy {
        let (folder, certificate) = certified();
        let address = free_address();
        let shown = folder.path().display();
        let site = self
            .changed("listen 443 ", &format!("listen {address} ssl http2;"))
            .changed("ssl_certificate ", &format!("ssl_certificate {shown}/certificate.pem;"))
            .changed("ssl_certificate_key ", &format!("ssl_certificate_key {shown}/key.pem;"))
            .0
            .replace("127.0.0.1:8000", &server.to_string());
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {shown}/{kind};\n"))
            .concat();
        let whole = format!(
            "daemon off;\nmaster_process off;\npid {shown}/pid;\nerror_log stderr notice;\nevents {{}}\n\
             http {{\naccess_log off;\n{temporary}{site}}}\n"
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, whole).unwrap();
        let mut command = Command::new(found("nginx", "nginx-light"));
        command.arg("-p").arg(folder.path()).arg("-e").arg("stderr").arg("-c").arg(&file);
        // It says this once it listens.
        Proxy::start(command, "event method", folder, certificate, address).await
    }
}

/// Caddy, by the guide.
pub(crate) async fn caddy(server: SocketAddr) -> Proxy {
    caddy_of(&of_the_guide("caddy"), "chat.example.com", server).await
}

/// Caddy with a site of that name.
pub(crate) async fn caddy_of(site: &str, name: &str, server: SocketAddr) -> Proxy {
    let (folder, certificate) = certified();
    let address = free_address();
    let shown = folder.path().display();
    let tls = format!("https://{address} {{\n    tls {shown}/certificate.pem {shown}/key.pem");
    let site = site.replace(&format!("{name} {{"), &tls).replace("127.0.0.1:8000", &server.to_string());
    let whole = format!("{{\n    admin off\n    auto_https disable_redirects\n}}\n{site}");
    let file = folder.path().join("Caddyfile");
    std::fs::write(&file, whole).unwrap();
    let mut command = Command::new(found("caddy", "caddy"));
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file);
    command
        .env("HOME", folder.path())
        .env("XDG_DATA_HOME", folder.path())
        .env("XDG_CONFIG_HOME", folder.path());
    Proxy::start(command, "serving initial configuration", folder, certificate, address).await
}

fn found(program: &str, package: &str) -> PathBuf {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/bin"];
    let mut places = folders.iter().map(|folder| Path::new(folder).join(program));
    places.find(|place| place.is_file()).unwrap_or_else(|| panic!("Debian's package {package} is installed"))
}

/// Nobody listens there.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A folder with a certificate for 127.0.0.1 and its key, and where the certificate is.
fn certified() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("certificate.pem");
    let made = Command::new(found("openssl", "openssl"))
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-days", "2", "-keyout"])
        .arg(folder.path().join("key.pem"))
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    (folder, certificate)
}

/// A proxy that runs; killed when a test leaves it.
pub(crate) struct Proxy {
    child: Child,
    pub(crate) address: SocketAddr,
    /// What a client has to trust.
    pub(crate) certificate: PathBuf,
    _folder: TempDir,
}

impl Proxy {
    async fn start(
        mut command: Command,
        listens: &'static str,
        folder: TempDir,
        certificate: PathBuf,
        address: SocketAddr,
    ) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let proxy = Self { child, address, certificate, _folder: folder };
        let (said, told) = mpsc::channel();
        // Read to its end: a program whose stderr is full stands still.
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = said.send(line);
            }
        });
        let waited = tokio::task::spawn_blocking(move || {
            let mut before = Vec::new();
            while let Ok(line) = told.recv_timeout(PATIENCE) {
                if line.contains(listens) {
                    return;
                }
                before.push(line);
            }
            panic!("the proxy listens; it said {before:#?}");
        });
        waited.await.unwrap();
        proxy
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A proxy that lets requests pass, and of a connection that becomes a socket nothing but the
/// handshake. Ends with the value.
pub(crate) struct Swallower {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Swallower {
    pub(crate) async fn start(server: SocketAddr) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                open.spawn(async move {
                    let server = TcpStream::connect(server).await.unwrap();
                    swallow(client, server).await;
                });
            }
        });
        Self { address, task }
    }
}

impl Drop for Swallower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn swallow(mut client: TcpStream, mut server: TcpStream) {
    let (mut up, mut down) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    loop {
        let written = tokio::select! {
            read = client.read(&mut up) => match read {
                Ok(count @ 1..) => server.write_all(&up[..count]).await,
                _ => return,
            },
            read = server.read(&mut down) => match read {
                Ok(count @ 1..) if down.starts_with(b"HTTP/1.1 101") => {
                    client.write_all(&down[..count]).await.unwrap();
                    // Neither end hears anything more; both stay open until the proxy ends.
                    return std::future::pending().await;
                }
                Ok(count @ 1..) => client.write_all(&down[..count]).await,
                _ => return,
            },
        };
        if written.is_err() {
            return;
        }
    }
}
