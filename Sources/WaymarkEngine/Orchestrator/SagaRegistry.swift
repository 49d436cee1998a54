public import Waymark

/// The sagas a process can run, by stored name; checked when it is made.
public struct SagaRegistry: Sendable {
    /// In the order in which they were given.
    public let declarations: [SagaDeclaration]
    /// Everything of unfinished keys that this process can go on with, each as "saga/…": see `SagaDeclaration.accepted`.
    let accepted: Set<String>
    private let byName: [String: RegisteredSaga]
    /// Where calls to the foreign services that the sagas name pass.
    let gates: ServiceGates

    /// - Throws: `SagaDeclarationError` for a saga that cannot run as declared, `WaymarkError` for two of one name, for a child
    ///   that is not among them, and for two foreign services of one name whose limits differ.
    public init(_ sagas: [any Saga]) throws {
        try self.init(sagas) { $0 }
    }

    /// - Parameters:
    ///   - clock: what the limits of foreign services go by.
    ///   - adapt: may exchange the bodies of a declaration.
    package init(
        _ sagas: [any Saga], clock: EngineClock = .system, adapting adapt: (SagaDeclaration) -> SagaDeclaration
    ) throws {
        var byName: [String: RegisteredSaga] = [:]
        var declarations: [SagaDeclaration] = []
        for saga in sagas {
            let registered = try RegisteredSaga(saga, adapting: adapt)
            declarations.append(registered.declaration)
            if byName.updateValue(registered, forKey: registered.declaration.name) != nil {
                throw WaymarkError(.duplicateName, "two sagas are named '\(registered.declaration.name)'")
            }
        }
        for declaration in declarations {
            for case .child(let saga) in declaration.plan.steps.map(\.kind) where byName[saga] == nil {
                throw WaymarkError(
                    .unknownName, "saga '\(declaration.name)' has a child '\(saga)', which is not registered here")
            }
        }
        self.declarations = declarations
        gates = try ServiceGates(declarations.flatMap { $0.plan.steps.compactMap(\.service) }, clock: clock)
        self.byName = byName
        accepted = Set(declarations.flatMap { declaration in declaration.accepted.map { "\(declaration.name)/\($0)" } })
    }

    /// The saga of this stored name.
    /// - Throws: `WaymarkError` (`unknownName`) when there is none.
    func saga(named name: String) throws -> RegisteredSaga {
        guard let saga = byName[name] else {
            throw WaymarkError(.unknownName, "no saga is named '\(name)' here", field: "saga")
        }
        return saga
    }

    /// The same of some of the sagas only.
    func accepted(_ isTaken: (String) -> Bool) -> Set<String> {
        Set(
            declarations.filter { isTaken($0.name) }.flatMap { declaration in
                declaration.accepted.map { "\(declaration.name)/\($0)" }
            })
    }
}

/// A declared saga, and what turns its stored request back into a value.
final class RegisteredSaga: Sendable {
    let declaration: SagaDeclaration
    /// Decodes a request as the saga's type, and encodes it as it is stored.
    let requestFromJSON: @Sendable (JSONValue) throws -> StepValue

    convenience init<S: Saga>(_ saga: S, adapting adapt: (SagaDeclaration) -> SagaDeclaration) throws {
        self.init(adapt(try SagaDeclaration(saga)), of: S.self)
    }

    init<S: Saga>(_ declaration: SagaDeclaration, of saga: S.Type) {
        self.declaration = declaration
        requestFromJSON = { json in
            try StepValue(encoding: JSONCoding.decode(S.Request.self, from: json), from: json)
        }
    }

    /// Refuses a request that is too large, or that would be with what the saga's calls return.
    /// - Throws: `WaymarkError` (`tooLarge`).
    func checkRoom(for request: String, _ limits: EngineConfiguration.ValueLimits) throws(WaymarkError) {
        let bytes = request.utf8.count
        if bytes > limits.requestBytes {
            throw WaymarkError(
                .tooLarge, "the request is \(bytes) bytes; \(limits.requestBytes) at most (limits.requestBytes)")
        }
        guard Runner.room(forOutputOf: bytes) > limits.outputBytes, let call = declaration.undeclaredCall else {
            return
        }
        throw WaymarkError(
            .tooLarge,
            "the request is \(bytes) bytes, and step '\(call)' may return it twice over; \(limits.outputBytes) at most "
                + "(limits.outputBytes) unless the step declares outputBytes(atMost:)")
    }
}

extension SagaDeclaration {
    /// The first foreign call of which it is not known how much it returns.
    fileprivate var undeclaredCall: String? {
        plan.steps.first { step in
            if case .foreignCall = step.kind { step.outputBytes == nil } else { false }
        }?.name
    }
}
