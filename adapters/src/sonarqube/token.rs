//! The token by which CI analyses a project.

use opstella_domain::naming::{QualityKey, SecretPath};
use opstella_domain::resource::{Provenance, StepOutcome};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{SonarQube, token_name};
use crate::{Removal, Removed, SecretFields, StepContext, StepError};

/// Field of the kept secret: the token.
const TOKEN: &str = "token";
/// Field of the kept secret: which token it is.
const NAME: &str = "name";

#[derive(Deserialize)]
struct Tokens {
    #[serde(rename = "userTokens")]
    tokens: Vec<Token>,
}

#[derive(Deserialize)]
struct Token {
    name: String,
    #[serde(rename = "isExpired", default)]
    expired: bool,
}

#[derive(Deserialize)]
struct Generated {
    token: SecretString,
}

impl SonarQube {
    pub(super) async fn ensure_token(
        &self,
        key: &QualityKey,
        secret: &SecretPath,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        self.container(key, context).await?;
        let there = self.tokens_of(key, context).await?;
        let kept = kept_name(context.secrets.read(secret).await?);
        let usable = there
            .iter()
            .find(|token| !token.expired && kept.as_deref() == Some(&token.name));
        let (name, provenance) = match usable {
            Some(token) => (token.name.clone(), provenance(key, &token.name, context)),
            None => {
                // The value of a token is told once: one whose value is not kept is good for nothing. The stale
                // secret goes before the new token comes, so that it can never pass for the new one's.
                context.secrets.delete(secret, &context.owner).await?;
                for token in &there {
                    self.change("user_tokens/revoke", &[("name", &token.name)])
                        .await?;
                }
                (self.generate(key, secret, context).await?, Provenance::Created)
            }
        };
        Ok(self.outcome("analysis token", &name, "account/security", provenance))
    }

    async fn generate(
        &self,
        key: &QualityKey,
        secret: &SecretPath,
        context: &StepContext,
    ) -> Result<String, StepError> {
        let version = context.secrets.version(secret, &context.owner).await?;
        let name = token_name::of(key, &context.owner);
        let pairs = [
            ("name", name.as_str()),
            ("type", "PROJECT_ANALYSIS_TOKEN"),
            ("projectKey", key.as_str()),
        ];
        let generated: Generated = self.make("user_tokens/generate", &pairs).await?;
        let fields = SecretFields::from([
            (TOKEN.to_owned(), generated.token),
            (NAME.to_owned(), SecretString::from(name.clone())),
        ]);
        context
            .secrets
            .write(secret, fields, &context.owner, version)
            .await?;
        Ok(name)
    }

    pub(super) async fn remove_token(
        &self,
        key: &QualityKey,
        secret: &SecretPath,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let installation = context.owner.installation;
        let goes = |name: &str| match (context.removal, token_name::run(key, installation, name)) {
            (Removal::ThisRun, run) => run == Some(context.owner.run),
            (Removal::Service, run) => run.is_some(),
        };
        let (going, staying): (Vec<Token>, Vec<Token>) = self
            .tokens_of(key, context)
            .await?
            .into_iter()
            .partition(|token| goes(&token.name));
        // First the token, then the secret: the secret's field says whose it is, to the next try as well.
        for token in &going {
            self.change("user_tokens/revoke", &[("name", &token.name)])
                .await?;
        }
        let kept = kept_name(context.secrets.read(secret).await?);
        let secret_goes =
            kept.as_deref().is_some_and(goes) && context.secrets.delete(secret, &context.owner).await?;
        Ok(if secret_goes || !going.is_empty() {
            Removed::Deleted
        } else if staying.is_empty() && kept.is_none() {
            Removed::Absent
        } else {
            Removed::Kept
        })
    }

    /// The tokens that runs made for a key. Names are unique for our account: nobody else's can be among them.
    async fn tokens_of(&self, key: &QualityKey, context: &StepContext) -> Result<Vec<Token>, StepError> {
        let installation = context.owner.installation;
        let found: Option<Tokens> = self.ask("user_tokens/search", &[]).await?;
        let tokens = found.map(|found| found.tokens).unwrap_or_default();
        Ok(tokens
            .into_iter()
            .filter(|token| token_name::run(key, installation, &token.name).is_some())
            .collect())
    }
}

fn kept_name(kept: Option<SecretFields>) -> Option<String> {
    let fields = kept?;
    fields.get(TOKEN)?;
    Some(fields.get(NAME)?.expose_secret().to_owned())
}

fn provenance(key: &QualityKey, name: &str, context: &StepContext) -> Provenance {
    if token_name::run(key, context.owner.installation, name) == Some(context.owner.run) {
        Provenance::Created
    } else {
        Provenance::Existing
    }
}
