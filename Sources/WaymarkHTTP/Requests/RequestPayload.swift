import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import Waymark

/// A request's body: strict JSON or a form, checked before anything is decoded from it.
struct RequestPayload: Sendable {
    private enum Format {
        case json, form
    }

    private let value: JSONValue
    private let format: Format

    /// Collects and checks the body.
    /// - Throws: `Problem` for a body that is too large or of another type; `WaymarkError` for one that is malformed.
    init(_ request: Request, limit: Int) async throws {
        let type = request.headers[.contentType] ?? "application/json"
        let essence = type.prefix { $0 != ";" }.trimmingSuffix(while: \.isWhitespace).lowercased()
        switch essence {
        case "application/json": format = .json
        case "application/x-www-form-urlencoded": format = .form
        default:
            throw Problem(
                .unsupportedType, "The body is neither application/json nor application/x-www-form-urlencoded.",
                field: "Content-Type")
        }
        let length = request.headers[.contentLength].flatMap(Int.init)
        if let length, length > limit { throw Self.tooLarge(limit) }
        let bytes: ByteBuffer
        do {
            bytes = try await request.body.collect(upTo: limit)
        } catch is NIOTooManyBytesError {
            throw Self.tooLarge(limit)
        } catch is HTTPParserError {
            throw Self.incomplete
        }
        // Hummingbird takes a connection that ends for the body's end: a form that was cut off would be another form. Of an
        // encoded body the length is that of what was sent, and a middleware may have decoded it.
        if let length, length != bytes.readableBytes, request.headers[.contentEncoding] == nil { throw Self.incomplete }
        guard let text = String(validating: bytes.readableBytesView, as: UTF8.self) else {
            throw WaymarkError(.invalidJSON, "the body is not UTF-8")
        }
        value = format == .json ? try JSONValue(parsing: text) : try Self.form(text)
    }

    /// The body as JSON.
    /// - Throws: `Problem` when it is a form: a saga that is called by its name takes JSON.
    func json() throws -> JSONValue {
        guard format == .json else {
            throw Problem(.unsupportedType, "This route takes application/json.", field: "Content-Type")
        }
        return value
    }

    /// - Throws: `DecodingError` that names the field when the body is not a `Value`.
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try JSONCoding.decode(type, from: value, isForm: format == .form)
    }

    private static func tooLarge(_ limit: Int) -> Problem {
        Problem(.tooLarge, "The body has more than \(limit) bytes.", field: Problem.body)
    }

    private static var incomplete: Problem {
        Problem(.malformed, "The body does not arrive as its header fields say.", field: Problem.body)
    }

    /// A form's fields as an object of strings.
    /// - Throws: `WaymarkError` naming the field for repeated ones, bad escapes and NUL.
    private static func form(_ text: String) throws -> JSONValue {
        var members: [String: JSONValue] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = unescaped(parts[0]), let value = parts.count > 1 ? unescaped(parts[1]) : "" else {
                throw WaymarkError(.invalidJSON, "a malformed percent escape", field: String(parts[0]))
            }
            if name.utf8.contains(0) || value.utf8.contains(0) {
                throw WaymarkError(.invalidJSON, "a NUL character cannot be stored", field: name)
            }
            guard members.updateValue(.string(value), forKey: name) == nil else {
                throw WaymarkError(.invalidJSON, "the field is repeated", field: name)
            }
        }
        return .object(members)
    }

    private static func unescaped(_ text: Substring) -> String? {
        text.replacing("+", with: " ").removingPercentEncoding
    }
}

extension Substring {
    fileprivate func trimmingSuffix(while predicate: (Character) -> Bool) -> Substring {
        var copy = self
        while let last = copy.last, predicate(last) { copy.removeLast() }
        return copy
    }
}
