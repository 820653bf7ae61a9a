# The story, for whatever driver. Needs: telling.sh, lease.

# What a busy machine may add to a wait that the lease bounds.
slow_s=10

tell_story() {
  what_one_writes_the_others_read
  a_second_read_costs_nothing
  a_change_calls_back
  the_last_closer_wins
  a_killed_client_keeps_unsaved_work
  a_killed_server_is_waited_for
  a_cut_off_client_says_so
}

what_one_writes_the_others_read() {
  step 'Client 1 writes a file. Clients 2 and 3 read it.'
  do_at 1 'echo "hello from client 1" >/mnt/afs/greeting'
  do_at 2 'cat /mnt/afs/greeting'
  claim 'client 2 reads what client 1 wrote' said 'hello from client 1'
  do_at 3 'cat /mnt/afs/greeting'
  claim 'client 3 reads it too' said 'hello from client 1'
  underneath
  for number in 2 3; do claim "client $number fetched it once" counted_is "client$number" content.fetches 1; done
  claim 'and the server promised to tell them of changes' counted_some server promises
}

a_second_read_costs_nothing() {
  step 'Client 3 reads it again.'
  do_at 3 'cat /mnt/afs/greeting'
  claim 'it is the same' said 'hello from client 1'
  underneath
  claim 'the server was not asked: no call' counted_none client3 calls
}

a_change_calls_back() {
  step 'Client 1 changes the file.'
  do_at 1 'echo "changed by client 1" >/mnt/afs/greeting'
  underneath
  claim 'client 2 was called back' counted_some client2 breaks.received
  claim 'so was client 3' counted_some client3 breaks.received
  do_at 2 'cat /mnt/afs/greeting'
  claim 'client 2 reads the change, at once' said 'changed by client 1'
  do_at 3 'cat /mnt/afs/greeting'
  claim 'so does client 3' said 'changed by client 1'
}

the_last_closer_wins() {
  step 'Clients 1 and 2 write the same file. Client 2 closes last.'
  do_at 1 'echo "first version" >/mnt/afs/both'
  note '(this sed writes its first line of input at once, and closes the file when it gets a second)'
  begin_at 1 one "sed -u -n '1p;2q' >/mnt/afs/both"
  tell_it one 'client 1 was here, and wrote more'
  claim 'client 1 has written, and not closed' within 30 reads 1 /mnt/afs/both 'client 1 was here, and wrote more'
  begin_at 2 two "sed -u -n '1p;2q' >/mnt/afs/both"
  tell_it two 'client 2 was here'
  claim 'so has client 2; each sees its own' within 30 reads 2 /mnt/afs/both 'client 2 was here'
  claim 'client 3 sees neither: the shell has emptied the file, no more was closed' reads 3 /mnt/afs/both ''
  tell_it one close
  claim 'client 1 closes without an error' ends_well one
  tell_it two close
  claim 'client 2 closes without an error' ends_well two
  underneath
  for number in 1 2 3; do claim "client $number reads what client 2 wrote, whole" reads "$number" /mnt/afs/both 'client 2 was here'; done
  claim 'the server noticed that a version was overwritten that its writer had not seen' counted_some server stores.unseen
}

a_killed_client_keeps_unsaved_work() {
  step 'Client 2 is killed with unsaved work.'
  begin_at 2 draft "sed -u -n '1p;2q' >/mnt/afs/draft"
  tell_it draft 'three hours of work'
  claim 'it has written, and not closed' within 30 reads 2 /mnt/afs/draft 'three hours of work'
  claim 'client 3 sees an empty file' reads 3 /mnt/afs/draft ''
  note 'client 2 is killed (SIGKILL)'
  kill_client 2
  note 'client 2 starts again, with the same cache'
  start_client 2
  claim 'it found the work in its cache and stored it' within 60 client_says 2 's["dirtyFiles"]' 0
  claim 'client 2 reads its work' reads 2 /mnt/afs/draft 'three hours of work'
  claim 'client 3 reads it' reads 3 /mnt/afs/draft 'three hours of work'
  underneath
}

a_killed_server_is_waited_for() {
  step 'The server is killed and started again while client 3 works.'
  do_at 3 'mkdir /mnt/afs/work'
  begin_at 3 work 'n=0; while [ ! -e /mnt/afs/work/enough ]; do n=$((n + 1)); echo "file $n" >/mnt/afs/work/$n || exit 1; sleep 0.02; done; echo $n files, no error'
  claim 'client 3 works' within 30 at 1 'test -e /mnt/afs/work/5'
  note 'the server is killed (SIGKILL)'
  kill_server
  sleep 2
  claim 'client 3 waits; nothing failed' kill -0 "${background[work]}"
  note 'the server starts again'
  start_server
  last=$(at 1 'ls /mnt/afs/work | sort -n | tail -n 1')
  claim 'client 3 goes on' within 60 at 1 "test -e /mnt/afs/work/$((last + 5))"
  do_at 1 'touch /mnt/afs/work/enough'
  claim 'client 3 ends without an error' ends_well work
  underneath
  count=$(awk '{ print $1; exit }' "$work/work.said")
  claim 'it says how many files it wrote' [ "$count" -gt "$last" ]
  claim "client 1 sees all $count files of client 3, with what is in them" at 1 "cd /mnt/afs/work && n=0 && while [ \$n -lt $count ]; do n=\$((n + 1)); [ \"\$(cat \$n)\" = \"file \$n\" ] || exit 1; done"
  claim 'the server began a new life' epoch_rose
}

epoch_rose() { [ "$(figures server_life)" = changed ]; }

a_cut_off_client_says_so() {
  step 'Client 3 is cut off the network.'
  do_at 3 'cat /mnt/afs/greeting /mnt/afs/both'
  note 'the network of client 3 is gone'
  cut 3
  began=$SECONDS
  do_at 1 'echo "changed while client 3 was away" >/mnt/afs/greeting'
  took=$((SECONDS - began))
  claim "that took $took s: the server waits for the end of the lease of client 3 ($lease s), and no longer" [ $took -le $((lease + slow_s)) ]
  claim 'the lease of client 3 ends, and it says so' within 60 client_says 3 's["hasLease"]' False
  do_at 3 'afs status /mnt/afs | grep server'
  begin_at 3 reader 'cat /mnt/afs/greeting'
  look before
  note 'the network of client 3 is back'
  heal 3
  claim 'client 3 reads' ends_well reader
  claim 'what was written meanwhile, not its old copy' has_said reader 'changed while client 3 was away'
  claim 'it is in touch again' within 60 client_says 3 's["hasLease"]' True
  do_at 3 'cat /mnt/afs/both'
  claim 'the file that did not change is as it was' said 'client 2 was here'
  underneath
  claim 'and was only asked about, not fetched' counted_is client3 content.fetches 1
}
