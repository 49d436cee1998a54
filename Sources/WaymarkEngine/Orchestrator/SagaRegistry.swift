public import Waymark

/// The sagas a process can run, by stored name; checked when it is made.
public struct SagaRegistry: Sendable {
    /// In the order in which they were given.
    public let declarations: [SagaDeclaration]
    private let byName: [String: RegisteredSaga]

    /// - Throws: `SagaDeclarationError` for a saga that cannot run as declared, `WaymarkError` for two of one name.
    public init(_ sagas: [any Saga]) throws {
        var byName: [String: RegisteredSaga] = [:]
        var declarations: [SagaDeclaration] = []
        for saga in sagas {
            let registered = try RegisteredSaga(saga)
            declarations.append(registered.declaration)
            if byName.updateValue(registered, forKey: registered.declaration.name) != nil {
                throw WaymarkError(.duplicateName, "two sagas are named '\(registered.declaration.name)'")
            }
        }
        self.declarations = declarations
        self.byName = byName
    }

    /// The saga of this stored name.
    /// - Throws: `WaymarkError` (`unknownName`) when there is none.
    func saga(named name: String) throws -> RegisteredSaga {
        guard let saga = byName[name] else {
            throw WaymarkError(.unknownName, "no saga is named '\(name)' here", field: "saga")
        }
        return saga
    }

    /// All "saga/recovery point" pairs that this process can go on from.
    var knownPoints: [String] {
        declarations.flatMap { declaration in
            declaration.recoveryPoints.map { "\(declaration.name)/\($0)" }
        }
    }
}

/// A declared saga, and what turns its stored request back into a value.
struct RegisteredSaga: Sendable {
    let declaration: SagaDeclaration
    /// Decodes a request as the saga's type, and encodes it as it is stored.
    let requestFromJSON: @Sendable (JSONValue) throws -> StepValue

    init<S: Saga>(_ saga: S) throws {
        declaration = try SagaDeclaration(saga)
        requestFromJSON = { json in
            try StepValue(encoding: JSONCoding.decode(S.Request.self, from: json))
        }
    }
}
