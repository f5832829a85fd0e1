# files_to_folder DIR: writes DIR/gateway.toml, a gateway from the watched folder DIR/drop to the folder DIR/out. Sourced.
files_to_folder() {
  mkdir -p "$1/drop/in"
  cat >"$1/gateway.toml" <<TOML
[gateway]
state = "state"
admin = "127.0.0.1:$(free_port)"
log_level = "error"
[collection]
id = "csds/1.6"
[collection.settings]
provider = "RZZ"
[[source]]
name = "drop"
kind = "files"
folder = "drop"
[[destination]]
name = "out"
kind = "folder"
folder = "out"
TOML
}
