import { type SyntheticEvent, useState } from "react";
import { login } from "../services/messagingService";

export function SignIn({ onDone }: { onDone(): void }) {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    try {
      await login(String(form.get("name")), String(form.get("password")));
      onDone();
    } catch (failure) {
      setError(failure instanceof TypeError ? "No hay conexión con el servidor" : (failure as Error).message);
      setBusy(false);
    }
  };
  return (
    <main className="sign-in">
      <form onSubmit={submit}>
        <h1>Mensajes</h1>
        <label>
          Usuario
          <input name="name" autoComplete="username" required />
        </label>
        <label>
          Contraseña
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        {error && <p role="alert">{error}</p>}
        <button type="submit" className="primary" disabled={busy}>
          Entrar
        </button>
      </form>
    </main>
  );
}
