//! As much of a browser as signing in takes: cookies by site, redirections one by one.

use std::collections::BTreeMap;

use reqwest::header::SET_COOKIE;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use url::Url;

use crate::support::Answer;

/// A browser at one Opstella.
#[derive(Clone)]
pub struct Browser {
    base: String,
    http: Client,
    /// By site (host and port) and name.
    cookies: BTreeMap<(String, String), String>,
}

fn site(url: &Url) -> String {
    url[url::Position::BeforeHost..url::Position::AfterPort].to_owned()
}

impl Browser {
    pub fn new(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            http: Client::builder().redirect(Policy::none()).build().unwrap(),
            cookies: BTreeMap::new(),
        }
    }

    fn absolute(&self, to: &str) -> Url {
        Url::parse(&self.base).unwrap().join(to).unwrap()
    }

    /// A request with the cookies of its site.
    pub fn request(&self, method: Method, to: &str) -> RequestBuilder {
        let url = self.absolute(to);
        let mine = site(&url);
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .filter(|((site, _), _)| *site == mine)
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        let request = self.http.request(method, url);
        match cookies.is_empty() {
            true => request,
            false => request.header("cookie", cookies.join("; ")),
        }
    }

    /// Sends a request, and keeps the cookies that come.
    pub async fn send(&mut self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        self.keep(&response);
        Answer::of(response).await
    }

    fn keep(&mut self, response: &Response) {
        let site = site(response.url());
        for header in response.headers().get_all(SET_COOKIE) {
            let text = header.to_str().unwrap();
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            let key = (site.clone(), name.to_owned());
            if text.contains("Max-Age=0") {
                self.cookies.remove(&key);
            } else {
                self.cookies.insert(key, value.to_owned());
            }
        }
    }

    pub async fn get(&mut self, to: &str) -> Answer {
        let request = self.request(Method::GET, to);
        self.send(request).await
    }

    /// A request as our own pages send it.
    pub async fn post(&mut self, to: &str, body: Value) -> Answer {
        let token = self.csrf_token().await;
        let request = self.request(Method::POST, to).header("X-CSRF-Token", token);
        self.send(request.json(&body)).await
    }

    pub async fn csrf_token(&mut self) -> String {
        let session = self.get("/auth/session").await.expect(200);
        session.body["csrf_token"].as_str().unwrap().to_owned()
    }

    /// The session's cookie.
    pub fn session(&self) -> Option<&str> {
        let mine = site(&Url::parse(&self.base).unwrap());
        self.cookies
            .get(&(mine, "opstella".to_owned()))
            .map(String::as_str)
    }

    /// How many sign-ins the browser has under way.
    pub fn signing_in(&self) -> usize {
        let names = self.cookies.keys().map(|(_, name)| name);
        names.filter(|name| name.starts_with("opstella-sign-in-")).count()
    }

    pub fn set_session(&mut self, value: &str) {
        let mine = site(&Url::parse(&self.base).unwrap());
        self.cookies
            .insert((mine, "opstella".to_owned()), value.to_owned());
    }

    /// Begins a sign-in: where the browser is sent.
    pub async fn begin(&mut self) -> Url {
        let answer = self.get("/auth/login").await.expect(303);
        answer.header("location").parse().unwrap()
    }

    /// What Keycloak makes of it when somebody signs in: where the browser is sent back to.
    pub async fn approve(&mut self, mut to: Url, user: &str) -> String {
        to.query_pairs_mut().append_pair("sandbox_user", user);
        let answer = self.get(to.as_str()).await.expect(302);
        answer.header("location").to_owned()
    }

    /// Signs in, whole.
    pub async fn sign_in(&mut self, user: &str) -> Answer {
        let to = self.begin().await;
        let back = self.approve(to, user).await;
        self.get(&back).await.expect(303)
    }
}
