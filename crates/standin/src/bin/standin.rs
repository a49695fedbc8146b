//! The stand-in authentik and the sample application, for demo and benchmark.

use std::process::ExitCode;
use std::time::Duration;

use authentik_standin::{
    Application, Endpoint, Fault, ProviderSettings, Settings, Standin, WIKI_SLUG,
};

const USAGE: &str = "\
usage: standin [options]

  --port PORT            authentik's port on 127.0.0.1 (9000)
  --app-port PORT        the application's port on 127.0.0.1 (3000); 0 = no application
  --external-host URL    where the application is reached through nginx
                         (http://127.0.0.1:8080); may be repeated
  --provider SLUG=URL    a further provider for this external host; may be repeated
  --redirect-uri URI     a further redirect URI of the provider; may be repeated
  --client-id ID         of the provider \"wiki\"
  --client-secret SECRET of the provider \"wiki\"
  --outpost-token TOKEN  API token of the outpost that has all providers
  --push-delay MS        a change is pushed to the outpost this much later, twice (50)
  --sub-path PATH        everything is below this path, e.g. /auth
  --user NAME            who is signed in without a form (alice)
  --form                 with a login form
  --token-delay MS       the token endpoint answers this much later
  --refresh-tokens       the provider \"wiki\" may give refresh tokens (offline_access)
  --quiet                print nothing, keep no requests: for benchmarks
  --help
";

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => run(options),
        Ok(None) => {
            say(USAGE);
            ExitCode::SUCCESS
        }
        Err(problem) => {
            complain(&format!("standin: {problem}\n\n{USAGE}"));
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> ExitCode {
    let (quiet, app_port, token_delay) = (options.quiet, options.app_port, options.token_delay);
    let settings = options.settings();
    let way = if settings.form { "with a login form" } else { "signs in at once" };
    let standin = Standin::start(settings);
    if let Some(delay) = token_delay {
        standin.fault(Endpoint::Token, Fault::Slow(delay));
    }
    let application = match app_port {
        0 => None,
        port if quiet => Some(Application::start_without_records(Some(port))),
        port => Some(Application::start(Some(port))),
    };
    if !quiet {
        say(&format!("authentik (stand-in)  {}  {way}\n", standin.url()));
        if let Some(application) = &application {
            say(&format!("sample application    {}\n", application.url()));
        }
        say(&description(&standin));
    }
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// What to configure in nginx.
fn description(standin: &Standin) -> String {
    let Some(provider) = standin.provider(WIKI_SLUG) else {
        return String::new();
    };
    let uris = provider.redirect_uris.iter().map(|uri| format!("  redirect URI   {uri}\n"));
    format!(
        "\n  issuer         {}\n  client_id      {}\n  client_secret  {}\n{}\n  \
         outpost        {}\n  token          {}\n  settings       {}/-/standin/\n",
        standin.issuer(&provider.slug),
        provider.client_id,
        provider.client_secret,
        uris.collect::<String>(),
        standin.base_url(),
        standin.outpost_token().unwrap_or_default(),
        standin.base_url(),
    )
}

/// The command line options.
struct Options {
    port: u16,
    app_port: u16,
    external_hosts: Vec<String>,
    providers: Vec<(String, String)>,
    redirect_uris: Vec<String>,
    outpost_token: Option<String>,
    push_delay: Option<Duration>,
    sub_path: String,
    client_id: Option<String>,
    client_secret: Option<String>,
    user: Option<String>,
    form: bool,
    token_delay: Option<Duration>,
    refresh_tokens: bool,
    quiet: bool,
}

impl Options {
    /// `None` if help is requested.
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self {
            port: 9000,
            app_port: 3000,
            external_hosts: Vec::new(),
            providers: Vec::new(),
            redirect_uris: Vec::new(),
            outpost_token: None,
            push_delay: None,
            sub_path: String::new(),
            client_id: None,
            client_secret: None,
            user: None,
            form: false,
            token_delay: None,
            refresh_tokens: false,
            quiet: false,
        };
        while let Some(flag) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{flag} needs a value"));
            match flag.as_str() {
                "--port" => options.port = port(&value()?)?,
                "--app-port" => options.app_port = port(&value()?)?,
                "--external-host" => options.external_hosts.push(value()?),
                "--provider" => options.providers.push(named_url(&value()?)?),
                "--outpost-token" => options.outpost_token = Some(value()?),
                "--push-delay" => options.push_delay = Some(milliseconds(&value()?)?),
                "--sub-path" => options.sub_path = value()?,
                "--redirect-uri" => options.redirect_uris.push(value()?),
                "--client-id" => options.client_id = Some(value()?),
                "--client-secret" => options.client_secret = Some(value()?),
                "--user" => options.user = Some(value()?),
                "--form" => options.form = true,
                "--token-delay" => options.token_delay = Some(milliseconds(&value()?)?),
                "--refresh-tokens" => options.refresh_tokens = true,
                "--quiet" => options.quiet = true,
                "--help" => return Ok(None),
                _ => return Err(format!("unknown option {flag}")),
            }
        }
        Ok(Some(options))
    }

    fn settings(self) -> Settings {
        let mut hosts = self.external_hosts.into_iter();
        let first = hosts.next().unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
        let mut provider = ProviderSettings::wiki(&first);
        for host in hosts {
            provider.redirect_uris.extend(authentik_standin::redirect_uris(&host));
        }
        provider.redirect_uris.extend(self.redirect_uris);
        provider.client_id = self.client_id.unwrap_or(provider.client_id);
        provider.client_secret = self.client_secret.unwrap_or(provider.client_secret);
        if self.refresh_tokens {
            provider.give_refresh_tokens();
        }
        let further = self.providers.iter().map(|(slug, url)| ProviderSettings::new(slug, url));
        let providers = std::iter::once(provider).chain(further).collect();
        let mut defaults = Settings::default();
        if let (Some(token), Some(outpost)) = (self.outpost_token, defaults.outposts.first_mut()) {
            outpost.token = Some(token);
        }
        Settings {
            port: Some(self.port),
            providers,
            push_delay: self.push_delay.unwrap_or(defaults.push_delay),
            sub_path: self.sub_path,
            form: self.form,
            default_user: self.user.unwrap_or(defaults.default_user),
            record: !self.quiet,
            ..defaults
        }
    }
}

fn named_url(text: &str) -> Result<(String, String), String> {
    let (slug, url) = text.split_once('=').ok_or_else(|| format!("{text:?} is no SLUG=URL"))?;
    Ok((slug.to_owned(), url.to_owned()))
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_millis).map_err(|_| format!("{text:?} are no milliseconds"))
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("{text:?} is no port"))
}

#[expect(clippy::print_stdout, reason = "a command line tool")]
fn say(text: &str) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "a command line tool")]
fn complain(text: &str) {
    eprint!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn flags_become_settings() {
        let line =
            "--port 9001 --form --external-host http://a.test/ --redirect-uri http://b.test/x";
        let settings = parse(line).unwrap().unwrap().settings();
        assert_eq!((settings.port, settings.form), (Some(9001), true));
        assert_eq!(
            settings.providers[0].redirect_uris,
            [
                "http://a.test/outpost.goauthentik.io/callback?X-authentik-auth-callback=true",
                "http://a.test/?X-authentik-auth-callback=true",
                "http://b.test/x",
            ]
        );
    }

    #[test]
    fn further_providers_and_the_outpost_become_settings() {
        let line =
            "--provider blog=http://blog.test/ --outpost-token t --push-delay 7 --sub-path /a";
        let settings = parse(line).unwrap().unwrap().settings();
        let blog = &settings.providers[1];
        assert_eq!((blog.slug.as_str(), blog.proxy.name.as_str()), ("blog", "blog-proxy"));
        assert_eq!(blog.proxy.external_host, "http://blog.test/");
        assert_eq!(settings.outposts[0].token.as_deref(), Some("t"));
        assert_eq!((settings.push_delay.as_millis(), settings.sub_path.as_str()), (7, "/a"));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, problem) in [
            ("--prot 1", "unknown option --prot"),
            ("--port", "--port needs a value"),
            ("--provider blog", "\"blog\" is no SLUG=URL"),
            ("--port 70000", "\"70000\" is no port"),
        ] {
            assert_eq!(parse(line).err().as_deref(), Some(problem));
        }
    }
}
