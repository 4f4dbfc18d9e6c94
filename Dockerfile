FROM node:24-slim AS web
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY src/contract src/contract
COPY src/domain src/domain
COPY web web
RUN npm run build

FROM node:24-slim AS modules
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:24-slim
WORKDIR /app
COPY --from=modules /app/node_modules node_modules
COPY --from=web /app/dist/web dist/web
COPY package.json LICENSE ./
COPY migrations migrations
COPY src src
RUN chmod 755 src/main.ts \
  && ln -s /app/src/main.ts /usr/local/bin/codex-lb \
  && install -d -o node -g node -m 700 /var/lib/codex-lb
ENV NODE_ENV=production \
    CODEX_LB_HOST=0.0.0.0 \
    CODEX_LB_DATA_DIR=/var/lib/codex-lb
USER node
VOLUME /var/lib/codex-lb
EXPOSE 2455
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.CODEX_LB_PORT || process.env.PORT || 2455}/health/ready`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["codex-lb"]
CMD ["serve"]
