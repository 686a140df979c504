# Two commands do everything: `make run` and `make test`. They need Python 3.11 or later and a package index.
PYTHON ?= python3
BIN = .venv/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: run test lint tables figures performance gpu lowest faults scale clean

run: .venv/run
	$(BIN)/inbench run --methods all

test: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q

lint: .venv/test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/mypy

REFERENCE = results/reference
BENCH = $(REFERENCE)/bench
PAGE = $(REFERENCE)/README.md
TABLES = $(BIN)/inbench tables --results $(REFERENCE)
BUDGET = paper[steps=2000,test_images=128]
ROLES = celeba=celeba64-closeup,cars=cars64
FLIPS = augmentation=flip,ema=0.999
AUTO = autoencoder[region=hole,mask-channel=true,schedule=cosine,lr=0.0005]
NET = dense-gan[adversarial=0,tv=0,hole-weight=10,mask-channel=true,schedule=cosine,lr=0.0005]
PARTS = '[dense=false]' '[dense=false,plain=matched]' '[skips=off]' '[bottleneck=fc]' '[tv=1e-6]' '[adversarial=0.001,tv=1e-6]' linear '$(AUTO)'

# Writes the committed tables anew from the committed records, and the page of all plugins from the plugins.
tables: .venv/run
	$(TABLES) --write
	$(TABLES) --only celeba64-closeup --masks center --best 13 --write README.md
	$(TABLES) --only drawn-faces --costs --write docs/performance.md
	$(TABLES) --only celeba64-closeup --budget "paper[steps=2000]" --time-to 20,21,21.5 --timings $(BENCH)/timings.json --write docs/performance.md
	$(TABLES) --only celeba64-closeup --masks center --best --write "$(PAGE)#best on close-up faces"
	$(TABLES) --only cars64 --masks center --best --write "$(PAGE)#best on cars"
	$(TABLES) --only celeba64 --masks center --best --write "$(PAGE)#best on wider faces"
	$(TABLES) --paper meng2020 --datasets $(ROLES) --write $(PAGE)
	$(TABLES) --paper meng2020 --datasets $(ROLES) --claims --write $(PAGE)
	$(TABLES) --only celeba64-closeup --masks center --budget "paper[steps=2000]" --trainings --write $(PAGE)
	$(TABLES) --only celeba64-closeup --masks center --budget "paper[steps=2000]" --write "$(PAGE)#faces as published"
	$(TABLES) --only celeba64-closeup --masks center --budget "paper[$(FLIPS),steps=2000]" --write "$(PAGE)#faces tuned"
	$(TABLES) --only cars64 --masks center --budget "paper[steps=1000]" --write "$(PAGE)#cars as published"
	$(TABLES) --only cars64 --masks center --budget "paper[$(FLIPS),steps=1000]" --write "$(PAGE)#cars tuned"
	$(TABLES) --only cars64 --masks "center on val" --budget "paper[augmentation=flip,steps=300]" --across lr --write "$(PAGE)#trials"
	$(TABLES) --only cars64 --masks "center on val" --budget "paper[augmentation=flip,steps=300]" --across lr-generator --write "$(PAGE)#trials of CE"
	$(TABLES) --only cars64 --masks "center on val" --budget "paper[augmentation=flip,steps=300,test_images=16]" --across lr --write "$(PAGE)#trials of SI"
	$(BIN)/inbench compare '$(NET)' $(PARTS) --masks center --results $(REFERENCE) --write $(PAGE)
	$(TABLES) --across train --write $(PAGE)
	$(TABLES) --only celeba64-closeup --across side --budget "paper[steps=300,test_images=128]" --write "$(PAGE)#sides"
	$(TABLES) --only celeba64-closeup --across side --budget "paper[steps=300,test_images=16]" --write "$(PAGE)#sides of 16"
	$(TABLES) --only celeba64-closeup --across ratio --budget "paper[steps=2000]" --write $(PAGE)
	$(TABLES) --only celeba64-closeup --masks center --budget "$(BUDGET)" --columns perception --write $(PAGE)
	$(TABLES) --only celeba64-closeup --masks center --budget "paper[$(FLIPS),steps=2000]" --columns perception --write "$(PAGE)#columns tuned"
	$(TABLES) --only cars64 --masks center --budget "paper[$(FLIPS),steps=1000]" --columns perception --write "$(PAGE)#columns of tuned cars"
	$(TABLES) --masks center --costs --write $(PAGE)
	$(BIN)/inbench list --write docs/built-in.md

# A plot in 64 colours, its caption kept: FROM TO.
PLOT = $(BIN)/python -c 'import sys; from PIL import Image, PngImagePlugin; read = Image.open(sys.argv[1]); info = PngImagePlugin.PngInfo(); \
	[info.add_text(*told) for told in read.text.items()]; \
	read.convert("RGB").quantize(64, dither=0).save(sys.argv[2], optimize=True, pnginfo=info)'

# The grid of the README, from the records of `make run`: drawn faces alone, which anybody may show; curves of the reference results.
figures: .venv/test
	$(BIN)/inbench figures --only drawn-faces --kinds grid --masks center --pick random=2,worst=1 --methods linear,nearest,autoencoder,contextual-attention,dense-gan --output build/figures
	cp build/figures/drawn-faces-64-center-quick-grid.png docs/drawn-faces.png
	$(BIN)/inbench figures --results $(REFERENCE) --only celeba64-closeup --kinds curves --masks center --methods autoencoder,context-encoder,dense-gan,semantic-inpainting --output build/figures
	$(PLOT) build/figures/celeba64-closeup-64-center-paper_steps_2000-curves.png $(REFERENCE)/curves.png
	$(BIN)/inbench figures --results $(REFERENCE) --only celeba64-closeup --across ratio --output build/figures
	$(PLOT) build/figures/celeba64-closeup-64-brush-paper_steps_2000-across-ratio.png $(REFERENCE)/ratio.png

# Measures the ratios anew and writes them into the document; alone on the machine, or the numbers mean nothing.
performance: .venv/test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps torchmetrics lightning-utilities
	@mkdir -p $(BENCH)
	-OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest tests/test_speed.py tests/test_training_speed.py -q --benchmark-only --benchmark-disable-gc --benchmark-json=$(BENCH)/ratios.json
	$(BIN)/inbench bench --batch 64 --rounds 5 --save $(BENCH)/timings.json
	$(BIN)/inbench bench --size 128 --batch 16 --rounds 5 --methods autoencoder,context-encoder,dense-gan --save $(BENCH)/size-128.json
	for name in ratios timings size-128; do $(BIN)/inbench tables --timings $(BENCH)/$$name.json --write docs/performance.md; done

# The tests that need a CUDA device, and one table of what they measured.
gpu: .venv/test
	@mkdir -p build
	$(BIN)/python -m pytest -m gpu -q --benchmark-enable --benchmark-json=build/gpu.json
	@test ! -s build/gpu.json || $(BIN)/inbench tables --timings build/gpu.json

# The tests with the lowest versions that pyproject.toml allows, in an environment of their own: gigabytes, for torch brings CUDA.
# With a pyparsing of matplotlib 3.8's days: newer ones warn of how it calls them.
lowest:
	$(PYTHON) -m venv build/lowest
	build/lowest/bin/python -m pip install --quiet --disable-pip-version-check uv
	build/lowest/bin/uv pip install --quiet --python build/lowest --resolution lowest-direct -e '.[test]' 'pyparsing>=3.1,<3.3'
	build/lowest/bin/python -m pytest -q

# The long form of the fault campaign: hours; docs/reliability.md is written from what it measures.
faults: .venv/test
	$(BIN)/python -m tests.faults

# The long form of the campaign on engines: a Slurm (apt-get install slurm-wlm munge) and a Ray are started for it.
scale: .venv/test
	$(INSTALL) -e '.[ray]'
	$(BIN)/python -m tests.scale

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "inbench needs Python 3.11 or later; name one with make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv"; exit 1; }

.venv/run: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) -e '.[opencv]'
	@touch $@

.venv/test: .venv/run
	$(INSTALL) -e '.[test]'
	@touch $@

clean:
	rm -rf .venv build dist *.egg-info
