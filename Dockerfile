# One image for both daemons: `vice` (the server) and `venus` (the client).
#   docker build -t afs .
#   docker run afs vice serve --data /var/lib/vice --listen 0.0.0.0:7000
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY global.json Directory.Build.props Directory.Packages.props .editorconfig ./
COPY src src
RUN dotnet publish src/Vice/Afs.Vice.csproj -c Release -o /app \
 && dotnet publish src/Venus/Afs.Venus.csproj -c Release -o /app

FROM mcr.microsoft.com/dotnet/aspnet:10.0
# fuse3: fusermount3 for mounts without root; libsqlite3-0: both daemons' metadata.
RUN apt-get update \
 && apt-get install -y --no-install-recommends fuse3 libsqlite3-0 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /app /app
ENV PATH="/app:$PATH"
VOLUME /var/lib/vice /var/cache/venus
STOPSIGNAL SIGTERM
