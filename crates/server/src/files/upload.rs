//! What a message is to carry, stored as it comes. Of a file no more than [`PART_BYTES`] are in memory;
//! an image waits in a file without a name until it is its turn to be stripped, so that its metadata is
//! on no disk once its upload is over, however it ends.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, stream};
use object_store::{MultipartUpload, ObjectStoreExt as _, PutPayload};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use zas_core::shape;
use zas_protocol::{ErrorCode, FileId, Micros, UserId};
use zas_store::{FileKind, FileRow, Store};

use super::kind::{HEAD_BYTES, Kind};
use super::strip::{Format, Stripped, strip};
use super::{Files, cannot_write, place};
use crate::clock;
use crate::error::ApiError;

/// How much of a file is gathered before it is written.
const PART_BYTES: usize = 256 * 1024;

/// A blob that has not got its name yet; it is gone when this is dropped.
struct Staged {
    upload: Box<dyn MultipartUpload>,
    bytes: u64,
}

impl Files {
    /// Stores what a message is to carry: an image without its metadata, all else as it is sent. `name`
    /// is what the sender's computer calls it.
    ///
    /// A sender who goes away leaves nothing behind. What they say of the type is not asked for.
    ///
    /// # Errors
    /// What `sent` fails with; [`ErrorCode::TooLarge`], [`ErrorCode::QuotaExceeded`],
    /// [`ErrorCode::ImageInvalid`]; [`ErrorCode::Overloaded`] when too many images wait;
    /// [`ErrorCode::StorageFull`]; the store's.
    pub async fn put_attachment(
        self: &Arc<Self>,
        store: &Arc<dyn Store>,
        user: UserId,
        name: &str,
        sent: impl Stream<Item = Result<Bytes, ApiError>> + Send,
        now: Micros,
    ) -> Result<FileRow, ApiError> {
        if store.file_bytes(user).await? >= self.limits.user_file_bytes {
            return Err(ErrorCode::QuotaExceeded.into());
        }
        let mut left = self.limits.upload_bytes;
        let counted = sent.map(move |part| {
            let part = part?;
            left = left.checked_sub(part.len() as u64).ok_or(ErrorCode::TooLarge)?;
            Ok::<_, ApiError>(part)
        });
        let mut counted = pin!(counted);
        let (mut head, mut first) = (Vec::new(), Vec::new());
        while head.len() < HEAD_BYTES {
            let Some(part) = counted.next().await else { break };
            let part = part?;
            head.extend(&part[..part.len().min(HEAD_BYTES)]);
            first.push(Ok(part));
        }
        let kind = Kind::of(&head);
        let whole = stream::iter(first).chain(counted);

        let id = FileId::mint(now, clock::random());
        let (staged, media_type, width, height) = match kind.image {
            None => (self.stage(id, whole).await?, kind.media_type, 0, 0),
            Some(format) => {
                let sent = self.spool(whole).await?;
                let (folder, max_pixels) = (self.folder.clone(), self.limits.image_pixels);
                let made = self.images.run(move || stripped(sent, format, max_pixels, &folder)).await??;
                let (spool, Stripped { format, width, height, .. }) = made;
                (self.stage(id, parts(spool)).await?, format.names().0, width, height)
            }
        };
        let name = Some(shape::file_name(name)).filter(|name| !name.is_empty());
        let row = FileRow {
            id,
            user,
            kind: FileKind::Attachment,
            name: name.unwrap_or_else(|| kind.name()),
            media_type: media_type.to_owned(),
            bytes: staged.bytes,
            width,
            height,
            at: now,
            message: None,
        };
        // To its end, even when its asker goes away meanwhile: a blob gets its row or goes.
        let (files, store) = (self.clone(), store.clone());
        let named = tokio::spawn(async move { files.publish(&*store, row, staged).await });
        named.await.map_err(ApiError::internal)?
    }

    /// Writes parts, as they come, where the blob of a file will be.
    async fn stage(
        &self,
        id: FileId,
        sent: impl Stream<Item = Result<Bytes, ApiError>> + Send,
    ) -> Result<Staged, ApiError> {
        let upload = self.blobs.put_multipart(&place(id)).await.map_err(cannot_write)?;
        let mut staged = Staged { upload, bytes: 0 };
        match staged.fill(sent).await {
            Ok(()) => Ok(staged),
            Err(error) => {
                drop(staged.upload.abort().await);
                Err(error)
            }
        }
    }

    /// Gives a blob its name and its row, if there is room for it.
    async fn publish(
        &self,
        store: &dyn Store,
        row: FileRow,
        mut staged: Staged,
    ) -> Result<FileRow, ApiError> {
        let _counting = self.counting.lock().await;
        if store.file_bytes(row.user).await?.saturating_add(row.bytes) > self.limits.user_file_bytes {
            drop(staged.upload.abort().await);
            return Err(ErrorCode::QuotaExceeded.into());
        }
        staged.upload.complete().await.map_err(cannot_write)?;
        self.note(store, row.clone()).await?;
        Ok(row)
    }

    /// Keeps what is sent in a file without a name, which no crash leaves behind.
    async fn spool(
        &self,
        sent: impl Stream<Item = Result<Bytes, ApiError>> + Send,
    ) -> Result<File, ApiError> {
        let folder = self.folder.clone();
        let file = tokio::task::spawn_blocking(move || tempfile::tempfile_in(folder));
        let file = file.await.map_err(ApiError::internal)?.map_err(cannot_write)?;
        let mut file = tokio::fs::File::from_std(file);
        file.set_max_buf_size(PART_BYTES);
        let mut sent = pin!(sent);
        while let Some(part) = sent.next().await {
            file.write_all(&part?).await.map_err(cannot_write)?;
        }
        file.flush().await.map_err(cannot_write)?;
        Ok(file.into_std().await)
    }
}

impl Staged {
    async fn fill(&mut self, sent: impl Stream<Item = Result<Bytes, ApiError>>) -> Result<(), ApiError> {
        let mut sent = pin!(sent);
        let mut gathered = BytesMut::new();
        loop {
            let part = sent.next().await.transpose()?;
            gathered.extend_from_slice(part.as_deref().unwrap_or_default());
            if !gathered.is_empty() && (gathered.len() >= PART_BYTES || part.is_none()) {
                self.bytes += gathered.len() as u64;
                let payload = PutPayload::from_bytes(gathered.split().freeze());
                self.upload.put_part(payload).await.map_err(cannot_write)?;
            }
            if part.is_none() {
                return Ok(());
            }
        }
    }
}

/// The image of a spooled file without its metadata, in a spooled file.
fn stripped(
    mut sent: File,
    format: Format,
    max_pixels: u64,
    folder: &Path,
) -> Result<(File, Stripped), ApiError> {
    let mut bytes = Vec::new();
    let read = sent.rewind().and_then(|()| sent.read_to_end(&mut bytes));
    read.map_err(ApiError::internal)?;
    let mut image = strip(&bytes, format, max_pixels)?;
    drop(bytes);
    let spooled = || -> io::Result<File> {
        let mut spool = tempfile::tempfile_in(folder)?;
        spool.write_all(&image.bytes)?;
        spool.rewind()?;
        Ok(spool)
    };
    let spool = spooled().map_err(cannot_write)?;
    image.bytes = Vec::new();
    Ok((spool, image))
}

/// The parts of a spooled file.
fn parts(spool: File) -> impl Stream<Item = Result<Bytes, ApiError>> + Send {
    let mut file = tokio::fs::File::from_std(spool);
    file.set_max_buf_size(PART_BYTES);
    stream::try_unfold(file, |mut file| async {
        let mut part = BytesMut::with_capacity(PART_BYTES);
        let read = file.read_buf(&mut part).await.map_err(ApiError::internal)?;
        Ok((read > 0).then(|| (part.freeze(), file)))
    })
}
