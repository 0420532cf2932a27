#!/bin/sh
# Makes the namespace and registers Instar's search attributes; run anew it changes nothing.
# TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE are read by the command line itself.
set -eu

attempts=60
until temporal operator cluster health >/dev/null 2>&1; do
  attempts=$((attempts - 1))
  if [ "$attempts" -le 0 ]; then
    echo "the Temporal server at $TEMPORAL_ADDRESS did not become healthy" >&2
    exit 1
  fi
  sleep 2
done

temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 \
  || temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 30d

# A namespace is known to every part of the server only after its cache was refreshed.
attempts=60
until temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --type Keyword \
  --name InstarScaleSetId --name InstarPhase --name InstarTargetVersion; do
  attempts=$((attempts - 1))
  if [ "$attempts" -le 0 ]; then
    echo "the search attributes could not be registered" >&2
    exit 1
  fi
  sleep 2
done
