# One image for both daemons, `vice` (the server) and `venus` (the client), and `afs`, the command for people.
#   docker build -t afs .
#   docker run afs vice serve --data /var/lib/vice --listen 0.0.0.0:7000
#   docker run --device /dev/fuse --cap-add SYS_ADMIN --security-opt apparmor=unconfined afs venus mount SERVER:7000 /mnt/afs --cache /var/cache/venus --foreground
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY global.json Directory.Build.props Directory.Packages.props .editorconfig ./
COPY src src
RUN for project in Vice Venus Cli; do dotnet restore --locked-mode src/$project || exit 1; done
# Compiled ahead of time, so for one kind of processor. Its restore adds that to the lock files, and changes nothing of what was checked.
RUN case "$(uname -m)" in x86_64) runtime=linux-x64 ;; aarch64) runtime=linux-arm64 ;; *) echo "no build for $(uname -m)" >&2; exit 1 ;; esac; \
    for project in Vice Venus Cli; do \
      dotnet publish src/$project -c Release -r "$runtime" --no-self-contained -p:PublishReadyToRun=true \
        -p:PublishDocumentationFiles=false -o /app || exit 1; \
    done

FROM mcr.microsoft.com/dotnet/aspnet:10.0
# fuse3: fusermount3 for mounts without root. libsqlite3-0: both daemons' metadata.
# tini is process 1: it passes signals on to the daemon, and reaps what nobody else waits for.
RUN apt-get update \
 && apt-get install -y --no-install-recommends fuse3 libsqlite3-0 tini \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
 && mkdir -p /mnt/afs \
 && mkdir -m 700 /var/lib/vice /var/cache/venus
COPY --from=build /app /app
ENV PATH="/app:$PATH"
VOLUME /var/lib/vice /var/cache/venus
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--"]
CMD ["vice", "serve", "--data", "/var/lib/vice", "--listen", "0.0.0.0:7000"]
