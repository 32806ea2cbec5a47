#include <algorithm>
#include <map>

#include "gradus/ops/linalg.hpp"
#include "gradus/ops/shape.hpp"
#include "support/catch.hpp"
#include "support/table/op_table.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

/// One loop over all letters. `equation` has every letter spelled out, also the output's.
Array naive_einsum(const std::string& equation, const std::vector<Array>& x) {
  std::vector<std::string> terms(1);
  std::string output;
  const std::size_t arrow = equation.find("->");
  for (const char c : equation.substr(0, arrow)) {
    if (c == ',')
      terms.emplace_back();
    else
      terms.back() += c;
  }
  output = equation.substr(arrow + 2);
  std::string letters = output;
  std::map<char, Index> lengths;
  for (std::size_t t = 0; t < terms.size(); ++t)
    for (std::size_t i = 0; i < terms[t].size(); ++i) {
      const char c = terms[t][i];
      if (letters.find(c) == std::string::npos) letters += c;
      Index& length = lengths.emplace(c, 1).first->second;
      if (const Index own = x[t].shape[static_cast<int>(i)]; own != 1) length = own;
    }
  Shape all, result;
  for (const char c : letters) all.push_back(lengths[c]);
  for (const char c : output) result.push_back(lengths[c]);
  Array out(result);
  for_each_index(all, [&](const IndexList& index) {
    long double product = 1;
    for (std::size_t t = 0; t < terms.size(); ++t) {
      IndexList at;
      for (const char c : terms[t]) at.push_back(index[static_cast<int>(letters.find(c))]);
      product *= x[t].broadcast_at(at);
    }
    out.at(IndexList(index.data(), output.size())) += product;
  });
  return out;
}

void check(const std::string& equation, const std::string& spelled,
           const std::vector<Shape>& shapes) {
  std::vector<Input> inputs;
  for (const Shape& shape : shapes) inputs.push_back({.shape = shape});
  row({.name = "einsum " + equation,
       .f = [=](const std::vector<Tensor>& x) { return einsum(equation, x); },
       .cases = {inputs},
       .reference = [=](const std::vector<Array>& x) { return naive_einsum(spelled, x); }});
}

void check(const std::string& equation, const std::vector<Shape>& shapes) {
  check(equation, equation, shapes);
}

}  // namespace

TEST_CASE("einsum of one operand", "[ops]") {
  row({.name = "einsum",
       .f = [](const std::vector<Tensor>& x) { return einsum("ij->ji", {x[0]}); },
       .cases = {{{.shape = {2, 3}}}, {{.shape = {1, 2}}}, {{.shape = {0, 2}}}},
       .reference = [](const std::vector<Array>& x) { return naive_einsum("ij->ji", x); }});
  check("ij->", {{2, 3}});
  check("ij->j", {{2, 3}});
  check("ijk->ki", {{2, 3, 2}});
  check("ii->", {{3, 3}});
  check("ii->i", {{3, 3}});
  check("iji->ij", {{2, 3, 2}});
  check("iii->i", {{2, 2, 2}});
  check("ijij->ji", {{2, 3, 2, 3}});
  check("ii", "ii->", {{3, 3}});
  check("ba", "ba->ab", {{2, 3}});
  check("aB", "aB->Ba", {{2, 3}});
  check("...ij->...ji", "abij->abji", {{2, 1, 3, 2}});
  check("i...->...", "iab->ab", {{2, 3, 2}});
  check("...i->i", "abi->i", {{2, 2, 3}});
  check("->", {{}});
}

TEST_CASE("einsum of two operands is a matrix product", "[ops]") {
  check("ik,kj->ij", {{2, 3}, {3, 4}});
  check("ik,kj", "ik,kj->ij", {{2, 3}, {3, 4}});
  check("ki,kj->ij", {{3, 2}, {3, 4}});
  check("ik,jk->ij", {{2, 3}, {4, 3}});
  check("ki,jk->ji", {{3, 2}, {4, 3}});
  check(" i k , k j -> j i ", "ik,kj->ji", {{2, 3}, {3, 2}});
  check("bik,bkj->bij", {{2, 2, 3}, {2, 3, 2}});
  check("bki,bkj->bij", {{2, 3, 2}, {2, 3, 2}});
  check("bik,kj->bij", {{2, 2, 3}, {3, 2}});
  check("bhid,bhjd->bhij", {{2, 1, 2, 3}, {2, 1, 2, 3}});
  check("bijd,bdk->ikj", {{2, 2, 1, 3}, {2, 3, 2}});
  check("i,i->", {{3}, {3}});
  check("i,j->ij", {{3}, {2}});
  check("i,j", "i,j->ij", {{3}, {2}});
  check("ij,ij->ij", {{2, 3}, {2, 3}});
  check("ij,ij->i", {{2, 3}, {2, 3}});
  check("ij,ji->", {{2, 3}, {3, 2}});
  check("ij,j->i", {{2, 3}, {3}});
  check(",i->i", {{}, {3}});
  check("ij,kl->jl", {{2, 3}, {2, 2}});
  check("ii,ij->j", {{2, 2}, {2, 3}});
  check("ijk,jil->kl", {{2, 3, 2}, {3, 2, 2}});
  check("ik,kj->ij", {{2, 0}, {0, 3}});
  check("ik,kj->ij", {{0, 2}, {2, 3}});
}

TEST_CASE("einsum broadcasts lengths of 1 and the axes of an ellipsis", "[ops]") {
  check("ik,kj->ij", {{2, 1}, {3, 4}});
  check("ij,ij->ij", {{2, 1}, {1, 3}});
  check("ij,ij->", {{1, 3}, {2, 3}});
  check("...ik,...kj->...ij", "aik,akj->aij", {{2, 2, 3}, {2, 3, 2}});
  check("...ik,kj->...ij", "abik,kj->abij", {{2, 2, 1, 3}, {3, 2}});
  check("...ik,...kj", "baik,akj->baij", {{2, 3, 1, 2}, {3, 2, 1}});
  check("...i,...i->...", "ai,i->a", {{2, 3}, {3}});
  check("...,...", "ab,b->ab", {{2, 3}, {1}});
}

TEST_CASE("einsum of three operands", "[ops]") {
  check("i,ij,j->", {{2}, {2, 3}, {3}});
  check("ij,jk,kl->il", {{2, 3}, {3, 2}, {2, 2}});
  check("bi,oij,bj->bo", {{2, 2}, {3, 2, 2}, {2, 2}});
  check("i,i,i->i", {{3}, {1}, {3}});
}

TEST_CASE("einsum of an operand with itself", "[ops]") {
  row({.name = "einsum of a matrix with itself",
       .f =
           [](const std::vector<Tensor>& x) {
             return einsum("ij,jk->ik", {x[0], x[0]});
           },
       .cases = {{{.shape = {3, 3}}}},
       .reference =
           [](const std::vector<Array>& x) {
             return naive_einsum("ij,jk->ik", {x[0], x[0]});
           }});
}
