#!/usr/bin/env bash
# The reference of all options is the field tables': it is up to date, every default that it shows is accepted, every
# member of a family and every layer too; and the JSON schema is JSON that knows each of its options.
reference=$(cd "$(dirname "$0")/../configs" && pwd)/reference.yaml
. "$(dirname "$0")/run.inc.sh"

checks=$((checks + 1))
"$FROSTLINE" config --defaults >now.yaml && diff -u "$reference" now.yaml >out ||
    fail "configs/reference.yaml is not what 'frostline config --defaults' prints: write it anew"

# ---- every default is one that its own parser takes ----

# A config needs three things that have no default: a net, data, and a shape.
net=(model.input=[4] 'model.layers=[{dense: {units: 2}}]' data.format=synthetic 'data.train={rows: 8, classes: 2}')
expect 0 'valid' 'the defaults' frostline validate now.yaml "${net[@]}"

# members SECTION: the types that are shown as comments there
members() { sed -n "/^$1:/,/^\$/s/^  # type: \([a-z0-9_]*\) .*/\1/p" now.yaml; }
# member SECTION TYPE: the reference with that comment taken for the section's content
member() {
    awk -v section="$1:" -v type="$2" '
        /^[a-z]/ { inside = $1 == section; taken = 0; if (inside) { print; next } }
        inside && /^  # type: / { taken = $3 == type }
        inside && taken && /^  # / { sub(/^  # /, "  "); print; next }
        inside && NF { next }
        { print }' now.yaml
}
for section in optimizer lr_scheduler; do
    checks=$((checks + 1))
    [ "$(members $section | wc -l)" -ge 2 ] || fail "$section: the reference shows one type alone"
    for type in $(members $section); do
        member $section "$type" >"$type.yaml"
        checks=$((checks + 1))
        grep -q "^  type: $type " "$type.yaml" || fail "$section: no block for $type"
        required=() # what has no default is asked for by name
        [ "$type" = step ] && required=(lr_scheduler.step_size_epochs=1)
        expect 0 'valid' "$section: $type" frostline validate "$type.yaml" "${net[@]}" "${required[@]}"
    done
done

# layer NAME: its options as a flow map, with a value for each that is required
layer() {
    awk -v name="# $1:" '
        /^# [a-z0-9_]+: / { inside = index($0, name) == 1; next }
        !inside { next }
        /^#  # (units|filters|kernel_size):/ { sub(/:.*/, ": 2"); sub(/^#  # /, ""); print; next }
        /^#  # rate:/ { print "rate: 0.5"; next }
        /^#  # activation:/ { print "activation: relu"; next }
        /^#  [a-z_]+: / { sub(/ +#.*/, ""); sub(/^#  /, ""); print }' now.yaml | paste -sd, | sed 's/,/, /g'
}
layers=$(sed -n '/^# Layers:/,$s/^# \([a-z0-9_]*\): .*/\1/p' now.yaml)
for name in $layers; do
    inputs=''
    case "$name" in add | concat) inputs='inputs: [first, first]' ;; esac
    printf '%s\n' 'model:' '  input: [6, 6, 2]' '  layers:' '    - activation: {name: first, activation: relu}' \
        "    - $name: {$(layer "$name")$inputs}" '    - flatten' '    - dense: {units: 2}' \
        'data: {format: synthetic, train: {rows: 8, classes: 2}}' >"layer_$name.yaml"
    [ "$name" = dense ] && sed -i 's/    - activation: .*/    - flatten/' layer_dense.yaml
    expect 0 'valid' "the defaults of $name" frostline validate "layer_$name.yaml"
done
checks=$((checks + 1))
known=$("$FROSTLINE" info | sed -n 's/^layers *//p')
[ "$(echo $layers)" = "$known" ] || fail "the reference shows the layers '$(echo $layers)', but there are '$known'"

# ---- the schema ----

# options: `section key` (`. key` at the top) of all that the reference shows, required ones too
options() {
    awk '/^# Layers:/ { exit }
        /^[a-z_]+:  #/ { section = $1; sub(/:/, "", section); next }
        /^[a-z_]+:/ { key = $1; sub(/:/, "", key); print ".", key; next }
        /^  (# )?[a-z_0-9]+: / { key = $1 == "#" ? $2 : $1; sub(/:/, "", key); print section, key }' now.yaml
}
"$FROSTLINE" config --schema >schema.json
{
    echo 'file(READ schema.json schema)'
    echo 'string(JSON type GET "${schema}" type)'
    options | sort -u | while read -r section key; do
        case "$section" in
        .) path="properties $key" ;;
        optimizer | lr_scheduler) continue ;; # families: below
        *) path="properties $section properties $key" ;;
        esac
        echo "string(JSON x TYPE \"\${schema}\" $path)"
    done
    for section in optimizer lr_scheduler; do
        echo "string(JSON n LENGTH \"\${schema}\" properties $section anyOf)"
        echo "if(NOT n EQUAL $(($(members $section | wc -l) + 1)))"
        echo "  message(FATAL_ERROR \"$section: \${n} types\")"
        echo 'endif()'
    done
} >schema.cmake
checks=$((checks + 2))
[ "$(grep -c TYPE schema.cmake)" -gt 40 ] || fail "only $(grep -c TYPE schema.cmake) options were found in the reference"
cmake -P schema.cmake >out 2>&1 || fail 'the schema is no JSON, or lacks an option'
checks=$((checks + 1))
! tr -d ' \n' <schema.json | grep -q '"null","null"' || fail 'a type is listed twice'
finish
