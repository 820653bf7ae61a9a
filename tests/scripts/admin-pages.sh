#!/bin/bash
# What daemons show of themselves: /metrics, /healthz and OTLP of both, and the live page in a browser with a real client's work.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/cell.sh"
. "$root/scripts/lib/packages.sh"

server=127.0.0.1:$(free_port)
vice_admin=127.0.0.1:$(free_port) a_admin=127.0.0.1:$(free_port) collector=127.0.0.1:$(free_port)

begin_admin_server() {
  mkdir -p "$work/data"
  "$vice" serve --data "$work/data" --listen "$server" --admin "$vice_admin" --otlp "http://$collector" >>"$work/vice.log" 2>&1 </dev/null &
  vice_pid=$!
  within "$start_timeout_s" vice_answers_or_ended "$server" && within 10 answers "$vice_admin"
}

# fetch URL [CURL-OPTION]...
fetch() { curl -sS --max-time 20 "$@"; }

# code WANTED CURL-ARGUMENT...
code() {
  local wanted=$1 got
  shift
  got=$(fetch -o /dev/null -w '%{http_code}' "$@")
  [ "$got" = "$wanted" ] || { echo "$got, not $wanted"; return 1; }
}

# metric ADDRESS NAME: its value.
metric() { fetch "http://$1/metrics" | awk -v name="$2" '$1 == name { print $2 }'; }

# As Prometheus's own checker: docs of its text format 0.0.4.
is_prometheus() {
  fetch -D "$work/head" "http://$1/metrics" >"$work/text" && tr -d '\r' <"$work/head" | grep -qix 'content-type: text/plain; version=0.0.4; charset=utf-8' &&
    python3 "$root/tests/stress/prometheus_text.py" <"$work/text"
}

collect() {
  python3 - "$collector" "$work/collected" "$root/tests/stress" <<'EOF' &
import http.server, sys
sys.path.insert(0, sys.argv[3])
import otlp
host, port = sys.argv[1].split(":")
class Collector(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/metrics" and self.headers["Content-Type"] == "application/x-protobuf":
            with open(sys.argv[2], "a") as file:
                file.writelines("%s %s %s\n" % point for point in otlp.points(body))
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer((host, int(port)), Collector).serve_forever()
EOF
  collector_pid=$!
  within 10 answers "$collector"
}

command -v curl >/dev/null || { echo 'skip admin-pages: curl is not installed'; exit 0; }
need collect
need begin_admin_server
need begin_client a --admin "$a_admin" --otlp "http://$collector"
need begin_client b
mkdir "$work/a/d"; echo one >"$work/a/d/f"; cat "$work/b/d/f" >/dev/null; echo two >"$work/b/d/f"; cat "$work/a/d/f" >/dev/null

check vice-is-well code 200 "http://$vice_admin/healthz"
check venus-is-well code 200 "http://$a_admin/healthz"
check vice-metrics-have-the-form is_prometheus "$vice_admin"
check venus-metrics-have-the-form is_prometheus "$a_admin"
check vice-counts-sessions test "$(metric "$vice_admin" vice_sessions_connected)" = 2
check vice-counts-breaks test "$(metric "$vice_admin" vice_breaks_sent_total)" -gt 0
check vice-times-stores test "$(metric "$vice_admin" 'vice_calls_served_seconds_count{operation="StoreData"}')" -ge 2
check venus-counts-breaks test "$(metric "$a_admin" venus_breaks_received_total)" -gt 0
check venus-agrees-with-status test "$(metric "$a_admin" venus_content_fetches_total)" = "$(figure a 's["figures"]["content.fetches"]')"

check other-names-are-refused code 421 -H 'Host: elsewhere.example' "http://$vice_admin/metrics"
check nothing-is-written code 405 -X POST -d x "http://$vice_admin/metrics"
check unknown-pages code 404 "http://$vice_admin/none"
check admin-loads-its-server grep -q Kestrel "/proc/${client_pids[a]}/maps"
check no-server-by-default sh -c '! grep -q Kestrel "/proc/$1/maps"' sh "${client_pids[b]}"
refused bad-admin-address 3 'no address' "$vice" serve --data "$work/other" --listen "unix:$work/other.sock" --admin nowhere
refused admin-address-in-use 3 'Cannot listen' "$vice" serve --data "$work/other" --listen "unix:$work/other.sock" --admin "$vice_admin" --log-level Critical

# The page: what it may load, how many may look, and what a browser shows.
policy=$(fetch -D - -o /dev/null "http://$vice_admin/" | tr -d '\r' | grep -i '^content-security-policy:')
check page-may-load-nothing grep -q "default-src 'none'" <<<"$policy"
check page-runs-only-its-script sh -c 'case $1 in *unsafe*|*"*"*) exit 1 ;; *"script-src '"'"'sha256-"*) ;; *) exit 1 ;; esac' sh "$policy"
check page-names-nothing-outside sh -c '! curl -s "$1" | grep -qE "(src|href)=|https?://|@import"' sh "http://$vice_admin/"
streams_are_bounded() {
  local pids=() i
  for i in $(seq 10); do
    curl -sN --max-time 4 -o /dev/null -w '%{http_code}\n' "http://$vice_admin/events" >>"$work/streams" &
    pids+=($!)
  done
  wait "${pids[@]}"
  [ "$(grep -c 200 "$work/streams") $(grep -c 503 "$work/streams")" = '8 2' ] || { tr '\n' ' ' <"$work/streams"; return 1; }
}
check streams-are-bounded streams_are_bounded

has_browser() { python3 -c "import sys; sys.path.insert(0, '$root/tests/browser'); import page; sys.exit(page.find() is None)"; }
if has_browser || { apt_install chromium >/dev/null 2>&1 && has_browser; }; then
  check page-shows-a-clients-work python3 - "$root/tests/browser" "http://$vice_admin/" "$work" "${AFS_SCREENSHOT:-}" <<'EOF'
import os, subprocess, sys, time
folder, url, work, picture = sys.argv[1:5]
sys.path.insert(0, folder)
from page import Page
page = Page(url, 1280, 1180)
try:
    page.wait("document.getElementById('touch').textContent === 'live'")
    page.wait("document.getElementById('clients').rows.length === 2 && document.getElementById('clients').innerText.includes('connected')")
    with open(f"{work}/a/d/shown", "w") as file:
        file.write("x" * 5000)
    row = "[...document.getElementById('activity').rows].some(r => r.cells[1].textContent === '%s' && r.cells[2].textContent.includes('%s') && r.cells[3].textContent.startsWith('uid 0 at ') && r.cells[4].textContent === '%s')"
    page.wait(row % ("create", "shown", ""))
    page.wait(row % ("store", "v2", "4.9 KiB"))
    name = '<img src=x onerror="document.title=1">'
    open(f"{work}/a/d/{name}", "w").close()
    page.wait("document.getElementById('activity').innerText.includes('<img src=x')")
    assert page.evaluate("document.title") == "Vice" and page.evaluate("document.images.length") == 0, "a name acted as markup"
    # Two write one version: who closes last replaces what they had not seen.
    first, last = open(f"{work}/a/d/f", "w"), open(f"{work}/b/d/f", "w")
    first.write("first"); last.write("last to close")
    first.close(); last.close()
    page.wait(row % ("overwrite", "v", "13 B"))
    page.wait("document.getElementById('kept').innerText.includes('5 B')")
    page.wait("[...document.getElementById('operations').rows].some(r => r.cells[0].textContent === 'StoreData')")
    page.wait("Number(document.getElementById('figures').firstChild.firstChild.textContent) === 2")
    if picture:
        os.remove(f"{work}/a/d/{name}")
        for i in range(60):
            with open(f"{work}/{'ab'[i % 2]}/d/report-{i % 7}", "wb") as file:
                file.write(os.urandom(3000 * (1 + i % 50)))
            with open(f"{work}/{'ba'[i % 2]}/d/report-{i % 7}", "rb") as file:
                file.read()
            time.sleep(0.5)
        page.screenshot(picture)
    assert not page.errors, page.errors
finally:
    page.close()
EOF
else
  echo 'skip page-shows-a-clients-work: there is no Chromium, and apt-get install chromium failed'
fi

# collected SERVICE FIGURE LEAST: a collector got the figure, and at least so much at last.
collected() { [ "$(awk -v service="$1" -v name="$2" '$1 == service && $2 == name && $3 > value { value = $3 } END { print int(value) }' "$work/collected")" -ge "$3" ]; }
stop_client a
dd if=/dev/urandom of="$work/data/metadata.db" bs=4096 count=8 conv=notrunc status=none
: >"$work/data/metadata.db-wal"
check vice-is-not-well-without-its-metadata code 503 "http://$vice_admin/healthz"
check vice-says-what-it-lacks grep -q 'the metadata can' <(fetch "http://$vice_admin/healthz")
end_server
check otlp-of-vice-reaches-a-collector collected vice vice.breaks.sent 1
check otlp-of-vice-has-latencies collected vice vice.calls.served 2
check otlp-of-venus-reaches-a-collector collected venus venus.content.fetches 1
kill "$collector_pid"; wait "$collector_pid" 2>/dev/null
exit $status
