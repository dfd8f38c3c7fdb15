//! The profile that belongs to a ledger, and the endpoint that an access key belongs to. Keys of one account
//! are never sent to another.

use std::path::Path;

use anyhow::bail;
use batchpost::api::Endpoint;

use super::layers::{self, Rank, ResolvedConfig, SettingSource};
use super::{Layer, Resolved};
use crate::apis::{Credential, KnownApi};
pub(super) use crate::commands::SANDBOX;

/// Whether the endpoint of some layers, as far as it is set, agrees with `target` of `api`.
fn agrees(api: &KnownApi, resolved_config: &ResolvedConfig, target: &str) -> bool {
    if resolved_config.value("sandbox") == Some("true") {
        return target == SANDBOX;
    }
    if let Some(url) = resolved_config.value("url") {
        return Endpoint::from_url(url).is_ok_and(|endpoint| endpoint.as_str() == target);
    }
    // Missing parts are taken from the target: they cannot contradict it.
    let parts = |host: &str, tenant: &str| (api.endpoint)(host, tenant).map(|endpoint| endpoint.as_str().to_owned());
    match (resolved_config.value("host"), resolved_config.value("tenant")) {
        (None, None) => true,
        (Some(host), Some(tenant)) => parts(host, tenant).is_ok_and(|url| url == target),
        (Some(host), None) => {
            // Compare up to the slash after the host.
            let origin = |url: &str| url.splitn(4, '/').take(3).map(str::to_owned).collect::<Vec<_>>();
            parts(host, "0").is_ok_and(|url| origin(&url) == origin(target))
        }
        (None, Some(tenant)) => {
            let path = |url: &str| url.splitn(4, '/').nth(3).map(str::to_owned);
            parts("host", tenant).is_ok_and(|url| path(&url) == path(target))
        }
    }
}

/// Whether some layers set a complete endpoint.
fn is_whole(resolved_config: &ResolvedConfig) -> bool {
    resolved_config.one("url").is_some()
        || (resolved_config.one("host").is_some() && resolved_config.one("tenant").is_some())
}

/// Describes the endpoint, as far as it is set.
fn in_words(resolved_config: &ResolvedConfig) -> String {
    match (resolved_config.value("url"), resolved_config.value("host"), resolved_config.value("tenant")) {
        (Some(url), ..) => Endpoint::from_url(url).map_or_else(|_| "another URL".to_owned(), |url| url.to_string()),
        (None, Some(host), Some(tenant)) => format!("tenant {tenant} at {host}"),
        (None, Some(host), None) => host.to_owned(),
        (None, None, Some(tenant)) => format!("tenant {tenant}"),
        (None, None, None) => "the sandbox".to_owned(),
    }
}

impl Resolved {
    /// Uses the file's default profile, if none was chosen.
    pub(super) fn choose_default_profile(&mut self) {
        if self.profile.is_none() {
            self.profile = self.file.as_ref().and_then(|file| file.default_profile.clone());
        }
    }

    /// Chooses the profile that posts to `target`, the account of `ledger`.
    ///
    /// # Errors
    ///
    /// If another profile was chosen, or several match.
    pub(super) fn choose_profile_for(&mut self, ledger: &Path, target: &str) -> anyhow::Result<()> {
        if let Some((name, source)) = &self.profile {
            let resolved_config = layers::resolved_config(self.file_layers(true)?.into_iter())?;
            if agrees(self.api, &resolved_config, target) {
                return Ok(());
            }
            let fitting = self.profiles_to(target);
            let instead = match fitting.as_slice() {
                [] => "leave the profile out".to_owned(),
                names => format!("use the profile {}", names.join(" or ")),
            };
            let elsewhere = in_words(&resolved_config);
            bail!(
                "the ledger {} belongs to {target}, but the profile {name} ({source}) posts to {elsewhere}; {instead}",
                ledger.display()
            );
        }
        self.choose_default_profile();
        if self.profile.is_some() {
            let resolved_config = layers::resolved_config(self.file_layers(true)?.into_iter())?;
            if agrees(self.api, &resolved_config, target) {
                return Ok(());
            }
        }
        self.profile = None;
        let source = SettingSource { rank: Rank::Option, name: "the ledger".to_owned() };
        match self.profiles_to(target).as_slice() {
            [] => Ok(()),
            [name] => {
                self.profile = Some((name.clone(), source));
                Ok(())
            }
            names => {
                let names = names.join(", ");
                bail!(
                    "the ledger {} belongs to {target}, and several profiles post there; pass --profile with one of {names}",
                    ledger.display()
                )
            }
        }
    }

    /// Whether the profile in use posts to `target`, according to the file alone.
    pub(super) fn profile_agrees(&self, target: &str) -> bool {
        let layers = self.file_layers(true);
        layers
            .and_then(|layers| layers::resolved_config(layers.into_iter()))
            .is_ok_and(|resolved_config| agrees(self.api, &resolved_config, target))
    }

    /// The profiles whose endpoint is `target`.
    fn profiles_to(&self, target: &str) -> Vec<String> {
        let Some(file) = &self.file else { return Vec::new() };
        let posts_there = |layer: &Layer| {
            layers::resolved_config([&file.top, layer].into_iter())
                .is_ok_and(|resolved_config| is_whole(&resolved_config) && agrees(self.api, &resolved_config, target))
        };
        file.profiles.iter().filter(|(_, layer)| posts_there(layer)).map(|(name, _)| name.clone()).collect()
    }

    /// Refuses to send a key to an endpoint other than the one set in the layers of its source: the layer
    /// that names the source, and those below it in the file.
    ///
    /// # Errors
    ///
    /// If `endpoint` differs.
    pub(crate) fn refuse_elsewhere(
        &self,
        key: &Credential,
        source: &SettingSource,
        endpoint: &Endpoint,
    ) -> anyhow::Result<()> {
        let resolved_config = layers::resolved_config(self.file_layers(source.rank == Rank::Profile)?.into_iter())?;
        if agrees(self.api, &resolved_config, endpoint.as_str()) {
            return Ok(());
        }
        let Credential { name, setting: key, variable } = key;
        let of = in_words(&resolved_config);
        bail!(
            "the {name} from {source} is for {of}, so it is not sent to {endpoint}; set {variable}, or add a profile for \
             that endpoint with its own {key}_file, {key}_command or {key}_env"
        );
    }

    /// Refuses a host without a tenant, and a tenant without a host.
    pub(super) fn refuse_half_a_target(&self) -> anyhow::Result<()> {
        for (there, missing) in [("host", "tenant"), ("tenant", "host")] {
            let Some(entry) = self.resolved_config.one(there) else { continue };
            if self.resolved_config.one(missing).is_some() {
                continue;
            }
            let profiles: Vec<&str> =
                self.file.iter().flat_map(|file| file.profiles.keys()).map(String::as_str).collect();
            let profile = match (&self.profile, profiles.as_slice()) {
                (None, [_, ..]) => format!(", or choose a profile with --profile: {}", profiles.join(", ")),
                _ => String::new(),
            };
            bail!("{there} is set ({}) and {missing} is not; pass --{missing}{profile}", entry.source);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::layers::Entry;
    use super::*;
    use crate::apis;

    fn resolved_config(words: &[(&str, &str)]) -> ResolvedConfig {
        let mut layer = Layer::default();
        for (key, value) in words {
            let source = SettingSource { rank: Rank::TopLevel, name: "here".to_owned() };
            layer.entries.insert((*key).to_owned(), Entry { values: vec![(*value).to_owned()], source });
        }
        layers::resolved_config([&layer].into_iter()).unwrap()
    }

    #[test]
    fn a_key_goes_where_its_layer_posts_and_nowhere_else() {
        let target = "https://a.example/api/tenants/7/internalnote/upload";
        for (words, wanted) in [
            (&[][..], true),
            (&[("host", "a.example"), ("tenant", "7")], true),
            (&[("url", target)], true),
            (&[("host", "A.Example")], true),
            (&[("tenant", "7")], true),
            (&[("host", "a.example"), ("tenant", "8")], false),
            (&[("host", "b.example")], false),
            (&[("host", "a.exampl")], false),
            (&[("host", "a.example:8443")], false),
            (&[("tenant", "8")], false),
            (&[("url", "https://a.example/")], false),
            (&[("url", "not one")], false),
            (&[("sandbox", "true")], false),
        ] {
            assert_eq!(agrees(apis::default(), &resolved_config(words), target), wanted, "{words:?}");
        }
    }
}
