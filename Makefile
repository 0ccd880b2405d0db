# Thin wrappers; `cargo xtask help` says what each takes.
# make run LAN=1 PORT=9000 DEMO=0 ARGS="--log debug"
.PHONY: run test proof gen

run:
	@cargo xtask run $(if $(filter 1,$(LAN)),--lan) $(if $(PORT),--port $(PORT)) $(if $(filter 0,$(DEMO)),--no-demo) $(if $(ARGS),-- $(ARGS))

test:
	@cargo xtask test $(if $(filter 1,$(STRICT)),--strict) $(if $(ONLY),--only $(ONLY))

proof:
	@cargo xtask proof $(if $(LANGUAGE),--lang $(LANGUAGE))

gen:
	@cargo xtask gen
