#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "base/messages.hpp"
#include "gradus/ops/linalg.hpp"
#include "ops/common.hpp"

namespace gradus {

namespace {

/// The names of axes, one character each: letters, and the digits '0' to '7' for the axes of "...",
/// counted from the last.
using Labels = std::string;

[[noreturn]] void fail_einsum(const std::string& equation, const std::string& what) {
  fail("einsum", "equation \"", equation, "\" ", what);
}

bool has(const Labels& labels, char label) { return labels.find(label) != Labels::npos; }

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

/// Labels with "..." as `axes` digits, descending, so that broadcasting aligns at the right.
Labels parse_labels(const std::string& equation, const std::string& term, int axes) {
  Labels labels;
  for (std::size_t i = 0; i < term.size(); ++i) {
    if (is_letter(term[i])) {
      labels += term[i];
    } else if (term.compare(i, 3, "...") == 0 && term.find('.', i + 3) == std::string::npos) {
      for (int axis = axes; axis-- > 0;) labels += static_cast<char>('0' + axis);
      i += 2;
    } else {
      fail_einsum(equation, "has \"" + term +
                                "\" in it; letters and at most one \"...\" for each operand are "
                                "required");
    }
  }
  return labels;
}

struct Term {
  Tensor tensor;
  Labels labels;
};

struct Equation {
  std::string text, shapes;  // of the operands
  std::vector<std::string> terms;
  std::string output;
  bool is_explicit = false;
};

Equation split_equation(const std::string& text) {
  Equation equation{text, {}, {}, {}, false};
  std::string compact = text;
  compact.erase(std::remove(compact.begin(), compact.end(), ' '), compact.end());
  if (const std::size_t arrow = compact.find("->"); arrow != std::string::npos) {
    equation.is_explicit = true;
    equation.output = compact.substr(arrow + 2);
    compact.resize(arrow);
  }
  for (std::size_t comma; (comma = compact.find(',')) != std::string::npos;) {
    equation.terms.push_back(compact.substr(0, comma));
    compact.erase(0, comma + 1);
  }
  equation.terms.push_back(compact);
  return equation;
}

/// An operand in which no label occurs twice: repeated ones are diagonals.
Term parse_term(const Equation& equation, const std::string& text, Tensor x) {
  const bool dots = text.find("...") != std::string::npos;
  const int letters = static_cast<int>(std::count_if(text.begin(), text.end(), is_letter));
  if (dots ? letters > x.dim() : letters != x.dim())
    fail_einsum(equation.text, "names " + text_of(letters) + " axes with \"" + text +
                                   "\" for an operand of shape " + to_string(x.shape()) +
                                   "; one letter per axis is required, or \"...\" for the others");
  Labels labels = parse_labels(equation.text, text, x.dim() - letters);
  for (std::size_t i = 0; i < labels.size();) {
    const std::size_t j = labels.find(labels[i], i + 1);
    if (j == Labels::npos) {
      ++i;
      continue;
    }
    const auto a = static_cast<int>(i), b = static_cast<int>(j);
    if (x.size(a) != x.size(b))
      fail_einsum(equation.text, "takes the diagonal of axes " + text_of(a) + " and " + text_of(b) +
                                     " of an operand of shape " + to_string(x.shape()) +
                                     "; equal lengths are required");
    x = diagonal(x, 0, a, b);
    labels += labels[i];
    labels.erase(j, 1);
    labels.erase(i, 1);
  }
  return {x, labels};
}

using Lengths = std::array<Index, 128>;

/// The lengths of all labels; throws if operands differ in one.
Lengths lengths_of(const Equation& equation, const std::vector<Term>& terms) {
  Lengths lengths;
  lengths.fill(1);
  for (const Term& term : terms)
    for (std::size_t i = 0; i < term.labels.size(); ++i) {
      Index& length = lengths[static_cast<std::size_t>(term.labels[i])];
      const Index own = term.tensor.size(static_cast<Index>(i));
      if (own != 1 && length != 1 && own != length)
        fail_einsum(equation.text,
                    (is_letter(term.labels[i]) ? std::string("has an axis '") + term.labels[i] + "'"
                                               : std::string("has in \"...\" an axis")) +
                        " of length " + text_of(length) + " in one operand and of length " +
                        text_of(own) + " in another, of shapes " + equation.shapes +
                        "; equal lengths are required (1 broadcasts)");
      if (own != 1) length = own;
    }
  return lengths;
}

Labels output_labels(const Equation& equation, const std::vector<Term>& terms) {
  Labels all, dots, once;
  for (const Term& term : terms)
    for (const char label : term.labels)
      if (!has(all, label)) all += label;
  for (char axis = '0' + max_rank; axis-- > '0';)
    if (has(all, axis)) dots += axis;
  if (!equation.is_explicit) {
    std::string text;
    for (const std::string& term : equation.terms) text += term;
    for (const char label : all)
      if (is_letter(label) && std::count(text.begin(), text.end(), label) == 1) once += label;
    std::sort(once.begin(), once.end());
    return dots + once;
  }
  const Labels output = parse_labels(equation.text, equation.output, static_cast<int>(dots.size()));
  for (const char label : output)
    if (!has(all, label) || std::count(output.begin(), output.end(), label) > 1)
      fail_einsum(equation.text, std::string("has the output axis '") + label +
                                     "', which no operand has or which is there twice; each "
                                     "output letter once, and out of the operands', is required");
  return output;
}

/// The term without the axes that `drop` names, summed.
template <class F>
Term summed(const Term& term, F drop) {
  Axes axes;
  Labels rest;
  for (std::size_t i = 0; i < term.labels.size(); ++i) {
    if (drop(term.labels[i], term.tensor.size(static_cast<Index>(i))))
      axes.push_back(static_cast<Index>(i));
    else
      rest += term.labels[i];
  }
  return axes.empty() ? term : Term{sum(term.tensor, axes), rest};
}

Tensor ordered(const Term& term, const Labels& order) {
  if (order == term.labels) return term.tensor;
  Axes axes;
  for (const char label : order) axes.push_back(static_cast<Index>(term.labels.find(label)));
  return permute(term.tensor, axes);
}

Index product_of(const Lengths& lengths, const Labels& labels) {
  Index product = 1;
  for (const char label : labels) product *= lengths[static_cast<std::size_t>(label)];
  return product;
}

/// One factor of a matrix product as (batch, rows, columns), or transposed where memory lies so.
struct Factor {
  Tensor matrices;
  bool transposed;
};

Factor factor(const Term& term, const Lengths& lengths, const Labels& batch, const Labels& rows,
              const Labels& columns) {
  const bool transposed =
      term.labels == batch + columns + rows && !rows.empty() && !columns.empty();
  const Index m = product_of(lengths, rows), n = product_of(lengths, columns);
  const Tensor x = ordered(term, transposed ? term.labels : batch + rows + columns);
  const Index r = transposed ? n : m, c = transposed ? m : n;
  if (batch.empty()) return {reshape(x, {r, c}), transposed};
  return {reshape(x, {product_of(lengths, batch), r, c}), transposed};
}

/// The product of two terms, with the labels summed that nothing else `keeps`.
Term multiplied(const Term& a, const Term& b, const Labels& keeps, const Lengths& lengths) {
  // A length of 1 that broadcasts is dropped, one that nobody else has is summed beforehand.
  const auto prepared = [&](const Term& term, const Term& other) {
    return summed(term, [&](char label, Index length) {
      return (length == 1 && lengths[static_cast<std::size_t>(label)] != 1) ||
             (!has(keeps, label) && !has(other.labels, label));
    });
  };
  Term x = prepared(a, b), y = prepared(b, x);
  x = prepared(x, y);
  Labels batch, inner, left, right;
  for (const char label : x.labels)
    (!has(y.labels, label) ? left : has(keeps, label) ? batch : inner) += label;
  for (const char label : y.labels)
    if (!has(x.labels, label)) right += label;
  const Factor p = factor(x, lengths, batch, left, inner);
  const Factor q = factor(y, lengths, batch, inner, right);
  const Labels labels = batch + left + right;
  Shape shape;
  for (const char label : labels) shape.push_back(lengths[static_cast<std::size_t>(label)]);
  if (inner.empty()) return {reshape(p.matrices * q.matrices, shape), labels};
  return {reshape(matmul(p.matrices, q.matrices,
                         {.transpose_a = p.transposed, .transpose_b = q.transposed}),
                  shape),
          labels};
}

}  // namespace

Tensor einsum(const std::string& text, const std::vector<Tensor>& operands) {
  Equation equation = split_equation(text);
  for (const Tensor& operand : operands)
    equation.shapes += (equation.shapes.empty() ? "" : " and ") + to_string(operand.shape());
  if (operands.size() != equation.terms.size())
    fail_einsum(text, "names " + text_of(equation.terms.size()) + " operands and " +
                          text_of(operands.size()) + " were given; these must be equal");
  const std::vector<Tensor> tensors = detail::in_one_dtype(operands);
  detail::require_floating(tensors[0], "einsum");
  std::vector<Term> terms;
  for (std::size_t i = 0; i < tensors.size(); ++i)
    terms.push_back(parse_term(equation, equation.terms[i], tensors[i]));
  const Lengths lengths = lengths_of(equation, terms);
  const Labels output = output_labels(equation, terms);
  Term result = terms[0];
  for (std::size_t i = 1; i < terms.size(); ++i) {
    Labels keeps = output;
    for (std::size_t j = i + 1; j < terms.size(); ++j) keeps += terms[j].labels;
    result = multiplied(result, terms[i], keeps, lengths);
  }
  return ordered(summed(result, [&](char label, Index) { return !has(output, label); }), output);
}

}  // namespace gradus
