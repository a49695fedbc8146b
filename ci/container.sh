#!/bin/sh
# Builds packaging/Dockerfile with buildah, and serves a request from the image. Needs root.
#
# No registry of images is asked. An image that is made like the official one of nginx stands in for it: this Debian,
# with the nginx of the crate nginx-src, configured as nginx.org does it. A `curl` of that image has what the
# Dockerfile downloads: nginx's sources, and rustup, which takes the Rust of this machine.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

home=$target/container
base=$home/base
name=localhost/nginx-authentik-test
container='' server=''
port=${CONTAINER_PORT:-18097}

main() {
    [ "$(id -u)" = 0 ] || fail "container: only root can run buildah here"
    rm -rf "$home"
    mkdir -p "$home/store" "$home/run" "$home/context" "$home/served"
    trap 'clean_up' EXIT
    trap 'exit 130' INT TERM
    version=$(sed -n '/^name = "nginx-src"/{n;s/.*+\(.*\)"/\1/p}' ci/nginx-source/Cargo.lock)
    make_base
    id=$(buildah_ from scratch)
    buildah_ add --quiet "$id" "$base" / >/dev/null
    buildah_ config --env "NGINX_VERSION=$version" --cmd 'nginx -g "daemon off;"' "$id"
    buildah_ commit --quiet "$id" "docker.io/library/nginx:$version" >/dev/null
    buildah_ rm "$id" >/dev/null

    # The commit, as a clone has it; .dockerignore leaves out the same.
    git archive HEAD | tar -x -C "$home/context"
    buildah_ build --isolation chroot --pull-never --file packaging/Dockerfile \
        --build-arg "NGINX_VERSION=$version" --volume "$home/served:/served:ro" \
        --volume "$(rustc --print sysroot):/rust:ro" --tag "$name" "$home/context"
    serve
    echo "container: packaging/Dockerfile builds an image with nginx $version and the module"
}

buildah_() {
    buildah --root "$home/store" --runroot "$home/run" --storage-driver vfs "$@"
}

clean_up() {
    [ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
    [ -z "$container" ] || buildah_ rm "$container" >/dev/null 2>&1 || true
    rm -rf --one-file-system "$home/store" "$home/run" "$base"
}

# As in the official image: https://github.com/nginx/docker-nginx, https://nginx.org/en/linux_packages.html
make_base() {
    release=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mmdebstrap --quiet --mode=root --variant=apt --include=ca-certificates,libpcre2-8-0,openssl,zlib1g \
        "$release" "$base" >"$home/log" 2>&1 || {
        tail -n 20 "$home/log" >&2
        fail "container: no root of Debian $release"
    }
    cp /usr/local/share/ca-certificates/*.crt "$base/usr/local/share/ca-certificates/" 2>/dev/null || true
    chroot "$base" update-ca-certificates >/dev/null 2>&1
    ci/nginx.sh 1.28 >/dev/null
    cp -R "$root/target/nginx/1.28/source" "$home/nginx-$version"
    (
        cd "$home/nginx-$version"
        rm -rf objs Makefile
        tar -C .. -czf ../served/nginx.tar.gz "nginx-$version"
        # Those of the official package that a module can notice, and its places.
        auto/configure --prefix=/etc/nginx --sbin-path=/usr/sbin/nginx --modules-path=/usr/lib/nginx/modules \
            --conf-path=/etc/nginx/nginx.conf --error-log-path=/var/log/nginx/error.log \
            --http-log-path=/var/log/nginx/access.log --pid-path=/run/nginx.pid --lock-path=/run/nginx.lock \
            --user=nginx --group=nginx --with-compat --with-file-aio --with-threads --with-http_addition_module \
            --with-http_auth_request_module --with-http_realip_module --with-http_slice_module \
            --with-http_ssl_module --with-http_stub_status_module --with-http_sub_module --with-http_v2_module \
            --with-http_v3_module --with-stream --with-stream_ssl_module \
            --with-cc-opt='-g -O2 -fstack-protector-strong -Wformat -Werror=format-security -Wp,-D_FORTIFY_SOURCE=2 -fPIC' \
            --with-ld-opt='-Wl,-z,relro -Wl,-z,now -Wl,--as-needed -pie'
        make -j "$(nproc)" install DESTDIR="$base"
    ) >"$home/log" 2>&1 || {
        tail -n 20 "$home/log" >&2
        fail "container: nginx cannot be built, see $home/log"
    }
    rm -rf "${home:?}/nginx-$version"
    chroot "$base" useradd --system --home-dir /nonexistent --no-create-home --shell /bin/false nginx
    mkdir -p "$base/usr/lib/nginx/modules" "$base/var/cache/nginx" "$base/etc/nginx/conf.d" "$base/served" "$base/rust"
    ln -s /usr/lib/nginx/modules "$base/etc/nginx/modules"
    cat >"$base/etc/nginx/nginx.conf" <<END
user  nginx;
error_log  /var/log/nginx/error.log notice;
pid        /run/nginx.pid;
events { }
http {
    include /etc/nginx/conf.d/*.conf;
}
END
    cat >"$base/usr/local/bin/curl" <<'END'
#!/bin/sh
for url; do :; done
case $url in
    https://sh.rustup.rs) echo 'mkdir -p "$HOME/.cargo/bin" && ln -s /rust/bin/* "$HOME/.cargo/bin/"' ;;
    https://nginx.org/download/nginx-*.tar.gz) exec cat /served/nginx.tar.gz ;;
    *) echo "curl: the Dockerfile downloads something new: $url" >&2; exit 1 ;;
esac
END
    chmod 755 "$base/usr/local/bin/curl"
}

# A protected location refuses, with the module's reason; an open one is served.
serve() {
    container=$(buildah_ from --pull-never "$name")
    mkdir -p "$home/conf"
    (umask 077 && echo secret >"$home/conf/secret")
    cat >"$home/conf/site.conf" <<END
authentik_provider wiki {
    issuer https://authentik.test/application/o/wiki/;
    client_id wiki;
    client_secret_file /etc/nginx/conf.d/secret;
    external_host http://localhost:$port;
}
server {
    listen 127.0.0.1:$port;
    server_name localhost;
    location / { authentik_provider wiki; root /; }
    location /open/ { return 200 "open\n"; }
}
END
    # Whatever ends this script, the kernel ends nginx.
    unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
        buildah --root "$home/store" --runroot "$home/run" --storage-driver vfs run --isolation chroot \
        --volume "$home/conf:/etc/nginx/conf.d:ro" "$container" -- nginx -g 'daemon off;' >"$home/log" 2>&1 &
    server=$!
    tries=0
    until curl -s -o "$home/answer" --noproxy '*' "http://localhost:$port/open/"; do
        tries=$((tries + 1))
        kill -0 $server 2>/dev/null && [ $tries -lt 100 ] ||
            fail "container: nginx does not start: $(cat "$home/log")"
        sleep 0.2
    done
    [ "$(cat "$home/answer")" = open ] || fail "container: /open/ is answered: $(cat "$home/answer")"
    status=$(curl -s -o "$home/answer" -w '%{http_code}' --noproxy '*' "http://localhost:$port/")
    [ "$status" = 401 ] && grep -q '"no-session"' "$home/answer" ||
        fail "container: / is answered with $status: $(cat "$home/answer")"
}

main
