"""Messages of ONVIF clients and the answers to them: XML, envelopes, faults, filters. Pure, without HTTP."""
