# The demo's cell in containers: docker compose with docker-compose.yml. Needs: cell.sh, telling.sh.

project=afs-demo-$$
healthy_timeout_s=120

begin_cell() {
  if docker compose version >/dev/null 2>&1; then
    compose_command=(docker compose)
  elif command -v docker-compose >/dev/null; then
    compose_command=(docker-compose)
  else
    fail 'there is no docker compose here; --netns plays the story without it'
  fi
  timeout 20 docker info >/dev/null 2>&1 || fail 'the docker engine does not answer; --netns plays the story without it'
  at_end+=(remove_containers)
  say 'building the image'
  compose build >"$work/build.log" 2>&1 || { tail -n 20 "$work/build.log"; fail 'the image cannot be built'; }
  say 'starting the containers'
  compose up -d >"$work/up.log" 2>&1 || { tail -n 20 "$work/up.log"; fail 'the containers do not start'; }
  for name in vice client1 client2 client3; do
    within "$healthy_timeout_s" is_healthy "$name" || { compose logs "$name" | tail -n 20; fail "$name does not get healthy"; }
  done
  say "A server and three clients, each in a container of its own."
}

end_cell() {
  echo
  began=$SECONDS
  compose stop >"$work/stop.log" 2>&1
  claim "SIGTERM ends all four containers, in $((SECONDS - began)) s; none had to be killed" ended_by_themselves
}

# 0, or 143 for who ended by the signal; a killed one has 137.
ended_by_themselves() {
  for name in client1 client2 client3 vice; do
    local code
    code=$(docker inspect -f '{{.State.ExitCode}}' "$(container "$name")")
    [ "$code" = 0 ] || [ "$code" = 143 ] || { echo "$name ended with $code"; return 1; }
  done
}

# Also at the end of a demo that failed.
remove_containers() { compose down --volumes --timeout 20 >"$work/down.log" 2>&1 || tail -n 5 "$work/down.log"; }

compose() { "${compose_command[@]}" -f "$root/docker-compose.yml" -p "$project" "$@"; }

# container NAME: its id, also where it has stopped.
container() { docker ps -aq --no-trunc -f "label=com.docker.compose.project=$project" -f "label=com.docker.compose.service=$1"; }

# By the container's own check.
is_healthy() { [ "$(docker inspect -f '{{.State.Health.Status}}' "$(container "$1")" 2>/dev/null)" = healthy ]; }

at() { docker exec -i "$(container "client$1")" sh -c "$2"; }

client_status() { timeout 20 docker exec "$(container "client$1")" venus status /mnt/afs --json; }

server_status() { timeout 20 docker exec "$(container vice)" vice status --json; }

kill_container() { docker kill -s KILL "$(container "$1")" >/dev/null; }

start_container() {
  docker start "$(container "$1")" >/dev/null
  need within "$healthy_timeout_s" is_healthy "$1"
}

kill_client() { kill_container "client$1"; }

start_client() { start_container "client$1"; }

kill_server() { kill_container vice; }

start_server() { start_container vice; }

cut() { docker network disconnect "${project}_cell" "$(container "client$1")"; }

heal() { docker network connect "${project}_cell" "$(container "client$1")"; }
