# Sourced by .ci/run and .ci/full. Both start from nothing: a copy of the checkout in a temporary
# folder, and a new enough Python under the name by which the README calls it.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
exec </dev/null
export CI="${CI:-true}"  # the same everywhere: hypothesis, for one, looks at it
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYRIGHT_PYTHON_IGNORE_WARNINGS=1
unset VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTEST_ADDOPTS

step() {
  printf '\n== [%d s] %s\n' "$SECONDS" "$*"
}

# copy_checkout FOLDER: what a clone would hold and what is about to be added, not what git ignores.
copy_checkout() {
  mkdir -p "$1"
  (
    cd "$here"
    git ls-files -z --cached --others --exclude-standard |
      while IFS= read -r -d '' file; do
        if [[ -f $file ]]; then printf '%s\0' "$file"; fi
      done | tar --create --null --files-from=-
  ) | tar --extract --directory "$1"
}

# usable_python NAME: prints its path if it runs, is 3.11 or newer and can make a venv.
usable_python() {
  "$1" -c 'import sys, venv, ensurepip; sys.exit(print(sys.executable) if sys.version_info >= (3, 11) else 1)' 2>/dev/null
}

# pyenv_python python3.N: the same for the newest 3.N that pyenv has installed, on PATH or not.
pyenv_python() {
  local path
  path=$(ls -d "${PYENV_ROOT:-$HOME/.pyenv}/versions/${1#python}".*/bin/python 2>/dev/null | sort -V | tail -n 1)
  [[ -n $path ]] && usable_python "$path"
}

# find_python NAME...: makes the first usable one, of PATH or of pyenv, the `python3` on PATH.
find_python() {
  local name path
  for name in "$@"; do
    if path=$(usable_python "$name" || pyenv_python "$name"); then
      mkdir -p "$work/bin"
      printf '#!/bin/sh\nexec "%s" "$@"\n' "$path" >"$work/bin/python3"
      chmod +x "$work/bin/python3"
      PATH=$work/bin:$PATH
      python3 --version
      return
    fi
  done
  echo "None of these is Python 3.11 or newer with venv: $*" >&2
  return 1
}

# readme_command N WORD: the README's N-th sh block, which must contain WORD. What is run is what it says.
readme_command() {
  local block
  block=$(awk -v n="$1" '/^```(sh|bash)[ \t]*$/ { i++; on = 1; next } /^```/ { on = 0 } on && i == n' "$here/README.md")
  if [[ $block != *"$2"* ]]; then
    echo "README.md: sh block $1 has no '$2': $block" >&2
    return 1
  fi
  printf '%s\n' "$block"
}

# summary LOG: the last lines that pytest and coverage wrote.
summary() {
  grep -E '^TOTAL ' "$1" | tail -n 1 || true
  grep -E '[0-9]+ (passed|failed|error).* in [0-9.]+s' "$1" | tail -n 1
}
