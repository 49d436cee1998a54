import Foundation

/// What can be wrong with a form.
enum FormFlaw: String, CaseIterable {
    case repeated, nul, badEscape, escapedNotUTF8, wrongType, missing, overflow, json
}

extension RequestGenerator {
    mutating func flawed(_ flaw: FormFlaw) -> GeneratedRequest {
        var request = good()
        request.kind = "form: \(flaw.rawValue)"
        request.type = pick(["application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-8"])
        var fields = [("amount", "1.5"), ("exact", "7"), ("weight", "2"), ("count", "3"), ("note", "a+b%27")]
        let field: String
        switch flaw {
        case .repeated:
            field = pick(fields).0
            fields.append((field, "1"))
        case .nul:
            field = "note"
            fields[4].1 = pick(["a%00", "%00'"])
        case .badEscape:
            field = "note"
            fields[4].1 = pick(["%zz", "%", "%4", "a%g0"])
        case .escapedNotUTF8:
            field = "note"
            fields[4].1 = pick(["%FF", "%C0%80", "%ED%A0%80"])
        case .wrongType:
            field = pick(["amount", "exact", "weight", "count"])
            fields = fields.map { $0.0 == field ? (field, pick(["heavy", "", "%20", "1+1", "0x1", "true"])) : $0 }
        case .missing:
            field = pick(fields).0
            fields.removeAll { $0.0 == field }
        case .overflow:
            field = "count"
            fields[3].1 = "9223372036854775808"
        case .json:
            field = "amount"
            fields = [("{\"amount\":1}", "")]
        }
        request.setBody(fields.map { "\($0.0)=\($0.1)" }.joined(separator: "&"))
        request.expectation = .refusal(400, field: field)
        return request
    }
}
