//! The address of a server, read once: scheme, host, port, path. Pure.

use std::net::IpAddr;

use ureq::http::Uri;

use crate::RemoteError;

/// A base address such as `https://open.bigmodel.cn/api/paas/v4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    tls: bool,
    host: String,
    port: u16,
    path: String,
}

fn refused(problem: &'static str) -> RemoteError {
    RemoteError::Setting { key: "base_url", problem }
}

impl Endpoint {
    /// Reads a base address. Its text is not part of the errors: it may hold what is nobody's business.
    pub(crate) fn parse(base_url: &str) -> Result<Self, RemoteError> {
        let uri: Uri = base_url
            .trim()
            .parse()
            .map_err(|_| refused("is no address; write http://HOST:PORT/v1 or https://…"))?;
        if uri.query().is_some() || base_url.contains('#') {
            return Err(refused("may not hold ? or #; a key belongs into key_file"));
        }
        Self::of(&uri).ok_or_else(|| {
            refused("must begin with http:// or https://, name a host and hold no @; a key belongs into key_file")
        })
    }

    fn of(uri: &Uri) -> Option<Self> {
        let tls = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return None;
        }
        let port = match authority.as_str().strip_prefix(authority.host())? {
            "" if tls => 443,
            "" => 80,
            port => port.strip_prefix(':')?.parse().ok()?,
        };
        let path = uri.path().trim_end_matches('/').to_owned();
        Some(Self { tls, host: authority.host().to_lowercase(), port, path })
    }

    /// Host and port, for errors.
    pub(crate) fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The address of `path`, which begins with a slash.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{}{path}", self.origin(), self.path)
    }

    fn origin(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.name())
    }

    /// Whether what is sent can be read on the way: plain HTTP that leaves this machine.
    pub(crate) fn can_be_overheard(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        let address: Option<IpAddr> = bare.parse().ok();
        let here = bare == "localhost" || address.is_some_and(|a| a.is_loopback());
        !self.tls && !here
    }

    /// Where a redirect from here leads to, if it stays on the same scheme, host and port.
    ///
    /// # Errors
    /// With the name of the other server.
    pub(crate) fn redirected(&self, location: &str) -> Result<String, String> {
        let location = location.trim();
        if location.starts_with('/') && !location.starts_with("//") {
            return Ok(format!("{}{location}", self.origin()));
        }
        let target = location.parse::<Uri>().ok().and_then(|uri| Self::of(&uri));
        match target {
            Some(there) if there.origin() == self.origin() => Ok(location.to_owned()),
            Some(there) => Err(there.origin()),
            None => Err("an address that cannot be read".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_put_behind_the_base() {
        for (base, want) in [
            (
                "https://open.bigmodel.cn/api/paas/v4/",
                "https://open.bigmodel.cn:443/api/paas/v4/models",
            ),
            ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1/models"),
            ("http://[::1]:11434", "http://[::1]:11434/models"),
        ] {
            assert_eq!(Endpoint::parse(base).unwrap().at("/models"), want);
        }
    }

    #[test]
    fn only_plain_http_that_leaves_the_machine_can_be_overheard() {
        for (base, want) in [
            ("http://localhost:8080", false),
            ("http://127.0.0.2", false),
            ("http://[::1]:1", false),
            ("https://example.com", false),
            ("http://example.com", true),
            ("http://192.168.1.2:8000/v1", true),
            ("http://127.0.0.1.example.com", true),
        ] {
            assert_eq!(Endpoint::parse(base).unwrap().can_be_overheard(), want, "{base}");
        }
    }

    #[test]
    fn what_is_no_base_address_is_refused_without_being_shown() {
        for base in [
            "",
            "localhost:8080",
            "ftp://host/",
            "http://",
            "http://user:word@host/v1",
            "https://host/v1?key=word",
            "https://host/#word",
            "http://host:99999/",
            "http://ho st/",
        ] {
            let error = Endpoint::parse(base).unwrap_err().to_string();
            assert!(error.contains("base_url") && !error.contains("word"), "{base}: {error}");
        }
    }

    #[test]
    fn a_redirect_may_not_leave_the_server() {
        let here = Endpoint::parse("https://host/v1").unwrap();
        assert_eq!(here.redirected("/v2/x").unwrap(), "https://host:443/v2/x");
        assert_eq!(here.redirected("https://HOST:443/v2").unwrap(), "https://HOST:443/v2");
        assert_eq!(here.redirected("https://other/v1").unwrap_err(), "https://other:443");
        assert_eq!(here.redirected("http://host/v1").unwrap_err(), "http://host:80");
        assert!(here.redirected("//other/v1").is_err());
        assert!(here.redirected("https://u@host/v1").is_err());
    }
}
