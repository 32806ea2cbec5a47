# cmake -DINPUT=<file> -DOUTPUT=<.cpp> -DSYMBOL=<name> -DHEADER=<header> -P embed.cmake
# Writes the bytes of INPUT as an array gradus::embedded::SYMBOL, with its length in SYMBOL_size;
# HEADER declares them.

file(READ "${INPUT}" hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR size "${digits} / 2")
string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
string(REPEAT "0x..," 20 line)
string(REGEX REPLACE "(${line})" "\\1\n" bytes "${bytes}")
file(WRITE "${OUTPUT}" "#include \"${HEADER}\"

namespace gradus::embedded {
const unsigned char ${SYMBOL}[] = {
${bytes}
};
const std::size_t ${SYMBOL}_size = ${size};
}  // namespace gradus::embedded
")
