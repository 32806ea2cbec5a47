// Compiled once for each instruction set, together with the kernels; all that others see of them.
#include "kernels/dispatch.hpp"

extern "C" {
extern const gradus::kernels::Table GRADUS_TABLE;
constexpr gradus::kernels::Table GRADUS_TABLE =
    gradus::kernels::table_of(gradus::kernels::AllCalls());
}
