/** The file that a message carries: a picture, a film, something to listen to, or a name to click. */
import type { Attachment } from "@zas/client";
import { useMediaUrl, useZas } from "@zas/client/react";
import { FileDown, RotateCw } from "lucide-react";
import { useState } from "react";
import { inBytes } from "../i18n/bytes.js";
import { common } from "../i18n/common.js";
import { extras } from "../i18n/extras.js";
import { useLanguage, useText } from "../i18n/index.js";
import { media } from "../i18n/media.js";
import { mediaSize } from "./mediaSize.js";

export function AttachmentBlock({ attachment }: { attachment: Attachment }) {
  return attachment.media === "file" ? <File file={attachment} /> : <Player file={attachment} />;
}

/** Its place has its size from the first frame on, whatever comes of the file. */
function Player({ file }: { file: Attachment }) {
  const zas = useZas();
  const text = useText(media);
  const extra = useText(extras);
  const words = useText(common);
  const url = useMediaUrl(file.file);
  // An address ends after a while: the first failure asks for another one.
  const [renewed, setRenewed] = useState(false);
  const [broken, setBroken] = useState<string>();
  const fail = () => {
    setBroken(url);
    if (!renewed) zas.renewMedia(file.file);
    setRenewed(true);
  };
  const again = () => {
    setBroken(undefined);
    zas.renewMedia(file.file);
  };
  const size = mediaSize(file);
  const place =
    file.media === "audio"
      ? { width: 270, height: 54 }
      : { width: size.width, aspectRatio: `${size.width} / ${size.height}` };
  if (url === "failed" || (url !== undefined && url === broken))
    return (
      <span role="status" className="media media-failed" data-media={file.media} style={place}>
        {extra.failed}
        <button type="button" className="pressable" onClick={again}>
          <RotateCw size={16} aria-hidden />
          {words.retry}
        </button>
      </span>
    );
  const shared = { src: url, onError: fail };
  return (
    <span className="media" data-media={file.media} style={place}>
      {url === undefined ? null : file.media === "image" ? (
        <img {...shared} alt={`${text.photo}: ${file.name}`} decoding="async" draggable={false} />
      ) : file.media === "video" ? (
        <video
          {...shared}
          aria-label={`${text.video}: ${file.name}`}
          controls
          playsInline
          preload="metadata"
        />
      ) : (
        <audio {...shared} aria-label={`${text.audio}: ${file.name}`} controls preload="metadata" />
      )}
    </span>
  );
}

function File({ file }: { file: Attachment }) {
  const zas = useZas();
  const extra = useText(extras);
  const words = useText(common);
  const language = useLanguage();
  const url = useMediaUrl(file.file);
  const content = (
    <>
      <FileDown size={26} strokeWidth={1.5} aria-hidden className="shrink-0" />
      <span className="min-w-0">
        <span className="block truncate">{file.name}</span>
        <span className="block text-xs" data-faint>
          {url === "failed" ? extra.failed : inBytes(language, file.bytes)}
        </span>
      </span>
    </>
  );
  if (url === "failed")
    return (
      <button
        type="button"
        className="media-file"
        aria-label={`${file.name}: ${extra.failed} ${words.retry}`}
        onClick={() => zas.renewMedia(file.file)}
      >
        {content}
      </button>
    );
  return (
    <a className="media-file" href={url} download={file.name} aria-label={extra.download(file.name)}>
      {content}
    </a>
  );
}
