#!/usr/bin/bash
# The first run in WSL: asks for the name of the user that every later session begins as.
# WSL opens no shell when this fails, so an answer that useradd refuses is asked for again, and no answer ends it.
set -u

uid=1000

if getent passwd "$uid" >/dev/null; then exit 0; fi
echo 'The default user of this distribution needs a name; it need not be the one in Windows.'
while read -r -p 'User name: ' name; do
  if useradd --uid "$uid" --create-home --shell /usr/bin/bash --groups sudo -- "$name"; then exit 0; fi
done
echo 'No user was made.' >&2
exit 1
