public import ChatProtocol

/// A message to one member.
public struct GroupMessage: Hashable, Sendable {
    /// What it says.
    public var event: ChatEvent
    /// Its number; only messages to all have one. The same message to another member has the same number and parents.
    public var id: Int64?
    /// Its parents.
    public var parents: [MessageParent]

    /// A message of these parts.
    public init(_ event: ChatEvent, id: Int64? = nil, parents: [MessageParent] = []) {
        self.event = event
        self.id = id
        self.parents = parents
    }

    /// As the grammar has it.
    public func message() throws(ChatProtocolError) -> ChatMessage { try event.message(id: id, parents: parents) }
}

/// What is to be done after a step of a group.
///
/// The actions of a step, the machine's new checkpoint and the acknowledgement of the input are stored in one transaction;
/// then the actions are carried out in their order, again after a crash. Making and joining are told apart by the
/// connection's name: the second time they do nothing.
public enum GroupAction: Hashable, Sendable {
    /// Make an invitation link for this connection; then comes `invitationMade`.
    case makeInvitation(GroupConnection)
    /// Join this link, saying `info`.
    case join(GroupConnection, link: String, info: ChatEvent)
    /// Let in who has joined, saying `info`.
    case allow(GroupConnection, info: ChatEvent)
    /// Send on this connection.
    case send(GroupConnection, GroupMessage)
    /// Send on the connection of a contact.
    case sendToContact(Int64, ChatEvent)
    /// The member is that contact: from now on one contact, whose messages go on the contact's connection.
    case merge(MemberID, contact: Int64)
    /// Close, once what was sent before is delivered. The connection's later inputs may be dropped.
    case close(GroupConnection)
    /// Tell the user.
    case tell(GroupNotice)
    /// The input was wrong and has changed nothing. It is acknowledged all the same.
    case refuse(GroupRefusal)
}

/// What the user may want to know.
public enum GroupNotice: Hashable, Sendable {
    /// How far I have come.
    case me(MemberStatus)
    /// How far a member has come.
    case member(MemberID, MemberStatus)
    /// The member is connected to all.
    case confirmed(MemberID)
    /// How far an introduction has come.
    case introduction(invitee: MemberID, other: MemberID, IntroductionStatus)
    /// The member has a new profile.
    case profile(MemberID, Profile)
    /// The member is not in the group any more.
    case departed(MemberID, Departure)
    /// No connection with the member is left.
    case lost(MemberID)
    /// I am not in the group any more.
    case ended(Departure)
}
