#include <algorithm>
#include <functional>

#include "gradus/ops.hpp"
#include "ops/products/lines.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

/// The texts "(2, 3)" in `text`, with numbers alone in them.
std::vector<std::string> shapes_in(const std::string& text) {
  std::vector<std::string> found;
  for (std::size_t at = 0; (at = text.find('(', at)) != std::string::npos; ++at) {
    const std::size_t end = text.find_first_not_of("0123456789, ", at + 1);
    if (end != std::string::npos && text[end] == ')')
      found.push_back(text.substr(at, end + 1 - at));
  }
  return found;
}

struct Misfit {
  const char* operation;
  std::function<void()> call;
  std::vector<std::string> given;  // shapes
  std::string which;               // what the text says does not fit
};

}  // namespace

TEST_CASE("errors about shapes show the shapes that were given, and what does not fit", "[ops]") {
  const auto of = [](const Shape& shape) { return ones(shape); };
  const auto flags = [](const Shape& shape) { return ones(shape, boolean); };
  const auto attend = [&](const Shape& q, const Shape& k, const Shape& v, const Shape& mask) {
    scaled_dot_product_attention(of(q), of(k), of(v), {.mask = flags(mask)});
  };
  const Misfit misfits[] = {
      {"matmul",
       [&] { matmul(of({3}), of({4})); },
       {"(3,)", "(4,)"},
       "inner lengths 3 and 4 (axes 0 and 0)"},
      {"matmul",
       [&] {
         matmul(of({3}), of({4, 5}));
       },
       {"(3,)", "(4, 5)"},
       "inner lengths 3 and 4 (axes 0 and 0)"},
      {"matmul",
       [&] {
         matmul(of({2, 3}), of({4}));
       },
       {"(2, 3)", "(4,)"},
       "inner lengths 3 and 4 (axes 1 and 0)"},
      {"matmul",
       [&] {
         matmul(of({2, 3}), of({4}), {.transpose_a = true});
       },
       {"(2, 3)", "(4,)"},
       "inner lengths 2 and 4 (axes 0 and 0)"},
      {"matmul",
       [&] {
         matmul(of({3}), of({2, 4}), {.transpose_b = true});
       },
       {"(3,)", "(2, 4)"},
       "inner lengths 3 and 4 (axes 0 and 1)"},
      {"matmul",
       [&] {
         matmul(of({2, 3}), of({4, 5}));
       },
       {"(2, 3)", "(4, 5)"},
       "inner lengths 3 and 4 (axes 1 and 0)"},
      {"matmul",
       [&] {
         matmul(of({2, 3}), of({4, 5}), {.transpose_a = true, .transpose_b = true});
       },
       {"(2, 3)", "(4, 5)"},
       "inner lengths 2 and 5 (axes 0 and 1)"},
      {"matmul",
       [&] {
         matmul(of({7, 2, 3}), of({4}));
       },
       {"(7, 2, 3)", "(4,)"},
       "inner lengths 3 and 4 (axes 2 and 0)"},
      {"matmul",
       [&] {
         matmul(of({4}), of({7, 2, 3}));
       },
       {"(4,)", "(7, 2, 3)"},
       "inner lengths 4 and 2 (axes 0 and 1)"},
      {"matmul",
       [&] {
         matmul(of({5, 2, 3}), of({4, 3, 2}));
       },
       {"(5, 2, 3)", "(4, 3, 2)"},
       "batch axes (5,) and (4,)"},
      {"matmul",
       [&] {
         matmul(of({6, 5, 2, 3}), of({4, 3, 2}));
       },
       {"(6, 5, 2, 3)", "(4, 3, 2)"},
       "batch axes (6, 5) and (4,)"},
      {"matmul", [&] { matmul(of({}), of({3})); }, {"()", "(3,)"}, "at least one axis"},
      {"linear",
       [&] {
         linear(of({3}), of({4, 5}));
       },
       {"(3,)", "(4, 5)"},
       ""},
      {"linear",
       [&] {
         linear(of({2, 5}), of({4, 5}), of({3}));
       },
       {"(3,)", "(4, 5)"},
       "bias"},
      {"bmm",
       [&] {
         bmm(of({2, 3, 4}), of({5, 4, 3}));
       },
       {"(2, 3, 4)", "(5, 4, 3)"},
       "batch lengths 2 and 5 (axes 0 and 0)"},
      {"bmm",
       [&] {
         bmm(of({2, 3, 4}), of({2, 5, 3}));
       },
       {"(2, 3, 4)", "(2, 5, 3)"},
       "inner lengths 4 and 5 (axes 2 and 1)"},
      {"dot", [&] { dot(of({3}), of({4})); }, {"(3,)", "(4,)"}, "lengths 3 and 4"},
      {"mv",
       [&] {
         mv(of({3, 2}), of({4}));
       },
       {"(3, 2)", "(4,)"},
       "2 and 4"},
      {"addmm",
       [&] {
         addmm(of({7}), of({2, 3}), of({3, 4}));
       },
       {"(7,)", "(2, 4)"},
       ""},
      {"einsum",
       [&] {
         einsum("ij,jk->ik", {of({2, 3}), of({4, 5})});
       },
       {"(2, 3)", "(4, 5)"},
       "axis 'j' of length 3"},
      {"einsum",
       [&] {
         einsum("...ij,...jk->...ik", {of({7, 2, 3}), of({6, 3, 5})});
       },
       {"(7, 2, 3)", "(6, 3, 5)"},
       "\"...\""},
      {"solve",
       [&] {
         solve(of({2, 3, 3}), of({4, 3, 2}));
       },
       {"(2, 3, 3)", "(4, 3, 2)"},
       "batch axes (2,) and (4,)"},
      {"solve",
       [&] {
         solve(of({3, 3}), of({4}));
       },
       {"(3, 3)", "(4,)"},
       "3 rows"},
      {"scaled_dot_product_attention",
       [&] {
         attend({2, 4, 8}, {2, 5, 8}, {2, 5, 8}, {5, 4});
       },
       {"(2, 4, 8)", "(2, 5, 8)", "(5, 4)"},
       "mask"},
      {"scaled_dot_product_attention",
       [&] {
         attend({2, 4, 8}, {2, 5, 8}, {2, 5, 8}, {3, 2, 4, 5});
       },
       {"(2, 4, 8)", "(2, 5, 8)", "(3, 2, 4, 5)"},
       "mask"},
      {"scaled_dot_product_attention",
       [&] {
         scaled_dot_product_attention(of({2, 4, 8}), of({3, 5, 8}), of({3, 5, 8}));
       },
       {"(2, 4, 8)", "(3, 5, 8)"},
       "batch axes (2,), (3,) and (3,)"},
      {"reshape",
       [&] {
         reshape(of({2, 3}), {0, -1});
       },
       {"(2, 3)"},
       "-1 can be anything"},
      {"reshape",
       [&] {
         reshape(of({0, 3}), {0, -1});
       },
       {"(0, 3)"},
       "-1 can be anything"},
      {"reshape",
       [&] {
         reshape(of({2, 3}), {4, 2});
       },
       {"(2, 3)", "(4, 2)"},
       "6 elements"},
      {"expand",
       [&] {
         expand(of({3}), {-1, 3});
       },
       {"(3,)"},
       "axis 0 is new"},
      {"expand",
       [&] {
         expand(of({2, 3}), {4, 3});
       },
       {"(2, 3)", "(4, 3)"},
       "axis 0 has length 2"},
      {"expand",
       [&] {
         expand(of({2, 3}), {3});
       },
       {"(2, 3)", "(3,)"},
       "fewer axes"},
      {"amax", [&] { amax(of({0})); }, {"(0,)"}, "axis 0 is empty"},
      {"amax",
       [&] {
         amax(of({2, 0, 3}), {1});
       },
       {"(2, 0, 3)"},
       "axis 1 is empty"},
      {"amin",
       [&] {
         amin(of({2, 0}), {-1});
       },
       {"(2, 0)"},
       "axis 1 is empty"},
      {"argmax",
       [&] {
         argmax(of({0, 2}));
       },
       {"(0, 2)"},
       "axis 0 is empty"},
      {"unflatten",
       [&] {
         unflatten(of({2, 6}), 1, {4, 2});
       },
       {"(2, 6)", "(4, 2)"},
       "must be 6"},
      {"select",
       [&] {
         select(of({2, 3}), 1, 3);
       },
       {"(2, 3)"},
       "-3 to 2"},
      {"stack",
       [&] {
         stack({of({2, 3}), of({3, 2})});
       },
       {"(2, 3)", "(3, 2)"},
       "equal"},
      {"concat",
       [&] {
         concat({of({2, 3}), of({2, 4})}, 0);
       },
       {"(2, 3)", "(2, 4)"},
       "axis 0"},
      {"max_pool1d",
       [&] {
         max_pool1d(of({3, 2}), 2, {.dilation = 9});
       },
       {},
       "length 2"},
      {"conv1d",
       [&] {
         conv1d(of({2, 3, 9}), of({4, 5, 3}));
       },
       {"(2, 3, 9)", "(4, 5, 3)"},
       "channels"},
      {"add",
       [&] {
         of({2, 3}) + of({3, 2});
       },
       {"(2, 3)", "(3, 2)"},
       "broadcast"},
      {"where",
       [&] {
         where(flags({2, 3}), of({2, 3}), of({3, 2}));
       },
       {"(2, 3)", "(3, 2)"},
       "broadcast"},
      {"mse_loss",
       [&] {
         mse_loss(of({2, 3}), of({3, 2}));
       },
       {"(2, 3)", "(3, 2)"},
       "equal"},
      {"embedding",
       [&] {
         embedding(of({4}), tensor({1, 2}, int64));
       },
       {"(4,)"},
       "weight"},
  };
  for (const Misfit& misfit : misfits) {
    const std::string error = error_of(misfit.call);
    INFO(error);
    CHECK(error.find("[" + std::string(misfit.operation) + "] ") == 0);
    CHECK(error.find(misfit.which) != std::string::npos);
    for (const std::string& shape : misfit.given) CHECK(error.find(shape) != std::string::npos);
    const std::string said = error.substr(0, error.find(';'));
    for (const std::string& shape : shapes_in(said.substr(0, said.find(" were given"))))
      CHECK(std::count(misfit.given.begin(), misfit.given.end(), shape) == 1);
  }
}
