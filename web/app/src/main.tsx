import "./styles/index.css";
import { createClient } from "@zas/client";
import { lazy, StrictMode, Suspense } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App.js";

const Demo = lazy(() => import("./demo/Demo.js"));

/** The demo makes two clients of its own; every other page is one person's. */
function page() {
  if (location.pathname === "/demo") {
    return (
      <Suspense>
        <Demo />
      </Suspense>
    );
  }
  const client = createClient({ auth: { kind: "cookie" } });
  void client.start();
  return <App client={client} />;
}

const root = document.getElementById("root");
if (root) createRoot(root).render(<StrictMode>{page()}</StrictMode>);
