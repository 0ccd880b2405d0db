//! How much may be sent at once.

use reqwest::Method;
use zas_protocol::{ErrorCode, Limits};

use super::{ANSWER, Site, refusal};
use crate::doctor::{Finding, bad, good};

/// Sends as much as the largest picture has, and nothing that is one: Zas refuses it, so that nothing
/// changes. What matters is who refuses, and whether it is for its size.
pub(super) async fn look(site: &Site) -> Option<Finding> {
    let bytes = Limits::default().avatar_bytes;
    let request = site.request(Method::POST, "v1/me/avatar").body(vec![0; bytes]).timeout(ANSWER);
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let code = refusal(response).await.map(|body| body.code);
    match (status, code) {
        (413, None) => Some(bad(
            "uploads",
            format!(
                "pictures of up to {} MiB may be put up, and the proxy refuses them (413). nginx: client_max_body_size \
                 6m; Caddy: request_body max_size 6MB",
                bytes / 1024 / 1024
            ),
        )),
        (_, Some(ErrorCode::ImageInvalid | ErrorCode::TooLarge)) => {
            Some(good("uploads", format!("{} MiB pass", bytes / 1024 / 1024)))
        }
        // Refused before its size mattered; what that means another finding says.
        _ => None,
    }
}
