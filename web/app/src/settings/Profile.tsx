import { LIMITS, type Me, type ProfileChange } from "@zas/client";
import { useFileUrl, useZas } from "@zas/client/react";
import { type FormEvent, useState } from "react";
import { common } from "../i18n/common.js";
import { useErrorText } from "../i18n/errors.js";
import { useText } from "../i18n/index.js";
import { settings } from "../i18n/settings.js";
import { PictureField } from "../picture/PictureField.js";
import { Button } from "../ui/Button.js";
import { TextArea } from "../ui/TextArea.js";
import { TextField } from "../ui/TextField.js";
import { toast } from "../ui/Toast.js";

/** How others see one: picture, name, a few words. */
export function Profile({ me }: { me: Me }) {
  const text = useText(settings);
  const words = useText(common);
  const sentence = useErrorText();
  const zas = useZas();
  const [name, setName] = useState(me.user.display_name);
  const [bio, setBio] = useState(me.user.bio);
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const changed = name.trim() !== me.user.display_name || bio.trim() !== me.user.bio;

  const save = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      const profile: ProfileChange = { display_name: name.trim(), bio: bio.trim() };
      await zas.setProfile(profile);
      toast(text.saved);
    } catch (error) {
      setProblem(sentence(error));
    }
    setBusy(false);
  };
  return (
    <section className="px-4 pb-4">
      <Picture me={me} />
      <form noValidate onSubmit={save} className="grid gap-4">
        <TextField
          label={text.displayName}
          value={name}
          maxLength={LIMITS.NAME_CHARS}
          autoComplete="name"
          error={problem}
          onChange={(event) => setName(event.target.value)}
        />
        <TextArea
          label={text.bio}
          value={bio}
          maxLength={LIMITS.BIO_CHARS}
          placeholder={text.bioHint}
          onChange={(event) => setBio(event.target.value)}
        />
        {changed && (
          <Button type="submit" busy={busy}>
            {words.save}
          </Button>
        )}
      </form>
    </section>
  );
}

/** One's picture, and who one is. */
function Picture({ me }: { me: Me }) {
  const zas = useZas();
  const src = useFileUrl(me.user.avatar);
  return (
    <div className="flex flex-col items-center gap-3 pt-2 pb-6">
      <PictureField
        id={me.user.id}
        name={me.user.display_name}
        src={src}
        use={async (image) => zas.setProfile({ avatar: await zas.uploadAvatar(image) })}
      />
      <p className="text-muted-foreground">
        @{me.user.username} · {me.email}
      </p>
    </div>
  );
}
