# shellcheck shell=bash
# Questions to the image registry.

# digest_of REFERENCE: prints the digest of an image, or nothing if the registry has no such tag.
# Everything else that goes wrong is an error, so that it is not mistaken for a missing tag.
digest_of() {
  local folder status=0
  folder=$(mktemp -d)
  # The digest of a manifest is that of its bytes, whether it is an image's, a list's or Spin's.
  if docker buildx imagetools inspect --raw "$1" > "$folder/manifest" 2> "$folder/error"; then
    sha256sum < "$folder/manifest" | sed 's/^\([0-9a-f]*\).*/sha256:\1/'
  elif ! grep -q "not found" "$folder/error"; then
    cat "$folder/error" >&2
    status=1
  fi
  rm -r "$folder"
  return "$status"
}
