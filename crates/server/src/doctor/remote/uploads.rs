//! How much may be sent at once.

use std::time::Duration;

use reqwest::Method;
use zas_protocol::{ErrorCode, Limits};

use super::who::Standing;
use super::{Site, refusal};
use crate::doctor::{Finding, bad, good, mind};

/// As long as a slow line may take to carry it up.
const UPLOAD: Duration = Duration::from_secs(30);

/// Sends as much as the largest picture has, and nothing that is one: Zas refuses it, so that nothing
/// changes. What matters is who refuses, and whether it is for its size.
pub(super) async fn look(site: &Site, standing: &Standing) -> Option<Finding> {
    let bytes = Limits::default().avatar_bytes;
    let mib = bytes / 1024 / 1024;
    let request = site.request(Method::POST, "v1/me/avatar").body(vec![0; bytes]).timeout(UPLOAD);
    let response = match request.send().await {
        Ok(response) => response,
        // A stranger's is refused before it is read.
        Err(_) if !standing.is_accepted() => return None,
        Err(error) if error.is_timeout() => {
            let seconds = UPLOAD.as_secs();
            return Some(mind(
                "uploads",
                format!("{mib} MiB don't go up in {seconds} s, so it is not known whether they pass"),
            ));
        }
        Err(_) => {
            return Some(bad(
                "uploads",
                format!(
                    "the connection breaks while {mib} MiB go up: something on the way limits what is sent"
                ),
            ));
        }
    };
    let status = response.status().as_u16();
    let code = refusal(response).await.map(|body| body.code);
    match (status, code) {
        (413, None) => Some(bad(
            "uploads",
            format!(
                "pictures of up to {} MiB may be put up, and the proxy refuses them (413). nginx: client_max_body_size \
                 6m; Caddy: request_body max_size 6MB",
                mib
            ),
        )),
        (_, Some(ErrorCode::ImageInvalid | ErrorCode::TooLarge)) => {
            Some(good("uploads", format!("{} MiB pass", mib)))
        }
        // Refused before its size mattered; what that means another finding says.
        _ => None,
    }
}
