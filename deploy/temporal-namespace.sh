#!/bin/sh
# Makes the namespace, registers Instar's search attributes, and says how long workflows that have ended are kept; run anew it
# changes nothing. TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE are read by the command line itself. RETENTION is a time such as 400d,
# of an existing namespace too, for what ends from then on; RETENTION= leaves an existing one as it is.
set -eu

retention="${RETENTION-400d}"

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
  || temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "${retention:-400d}"

if [ -n "$retention" ]; then
  temporal operator namespace update --namespace "$TEMPORAL_NAMESPACE" --retention "$retention" >/dev/null \
    || echo "namespace $TEMPORAL_NAMESPACE keeps what has ended for as long as before: it may not be changed here" >&2
fi

# A namespace is known to every part of the server only after its cache was refreshed.
attempts=60
until temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --type Keyword \
  --name InstarScaleSetId --name InstarScaleSet --name InstarPhase --name InstarTargetVersion; do
  attempts=$((attempts - 1))
  if [ "$attempts" -le 0 ]; then
    echo "the search attributes could not be registered" >&2
    exit 1
  fi
  sleep 2
done
